-- `unique_by` is refused where it names an argument that the kind does not have: the job would be unique by nothing, one in
-- the queue. Owner: shared/queue.

-- The arguments that jobs of a kind may have; null for a kind that the fleet does not know.
create function botticelli.known_args(kind text) returns text[] language sql immutable as $$
  select case kind
    when 'generation' then array['args', 'iterations', 'narrative_name', 'round']
    when 'narrative' then array['args', 'iterations', 'narrative_name', 'round']
    when 'curation' then array['limit']
    when 'posting' then array['limit']
  end
$$;

-- Refuses arguments that the kind does not know, or whose type or range is wrong. The worker checks again with the same
-- rules (shared/jobs), because a row can also be inserted by hand. A kind that the fleet does not know takes any object.
create or replace function botticelli.check_args(queue text, kind text, args jsonb) returns void language plpgsql immutable as $$
declare
  known text[] := botticelli.known_args(kind);
  key text;
  value jsonb;
  most integer;
begin
  if args is null or jsonb_typeof(args) <> 'object' then
    raise exception 'args of queue "%" must be a JSON object, not %', queue, coalesce(jsonb_typeof(args), 'NULL')
      using errcode = '22023', hint = 'Write for example ''{}''.';
  end if;
  if octet_length(args::text) > 262144 then
    raise exception 'args of queue "%" take % bytes, more than the limit of 262144 (256 KiB)', queue, octet_length(args::text)
      using errcode = '54000', hint = 'Store the data in a table of your own and pass its key.';
  end if;
  if known is null then
    return;
  end if;
  for key, value in select * from jsonb_each(args) loop
    if not key = any (known) then
      raise exception 'unknown argument "%" for queue "%" (kind %)', key, queue, kind
        using errcode = '22023', hint = format('Known arguments: %s.', array_to_string(known, ', '));
    end if;
    if key in ('iterations', 'limit', 'round') then
      most := case key when 'limit' then 100 else 1000 end;
      -- Only the plain form: the worker does not take 2.0 for a whole number.
      if jsonb_typeof(value) <> 'number' or value::text !~ '^[0-9]+$' or value::numeric not between 1 and most then
        raise exception 'argument "%" of queue "%" must be a whole number from 1 to %, not %', key, queue, most, value
          using errcode = '22023';
      end if;
    elsif key = 'args' and jsonb_typeof(value) <> 'object' then
      raise exception 'argument "args" of queue "%" must be a JSON object of template values, not %', queue, value
        using errcode = '22023';
    elsif key = 'narrative_name' and jsonb_typeof(value) <> 'string' then
      raise exception 'argument "narrative_name" of queue "%" must be a string, not %', queue, value using errcode = '22023';
    end if;
  end loop;
end
$$;

-- Puts jobs in a queue, one for each element of `args`, and gives for each its id and whether it is new: with `unique_by`
-- it may be the id of a job that was there. Runs in the caller's transaction: rolled back with it, visible with it.
create or replace function botticelli.enqueue_many(
  queue text,
  args jsonb[],
  run_at timestamptz default now(),
  priority integer default 0,
  max_attempts integer default null,
  traceparent text default null,
  source text default 'sql',
  not_after timestamptz default null,
  unique_by text[] default null,
  unique_while text default null,
  unique_for interval default null,
  limit_keys text[] default null,
  version integer default 1
) returns table (id bigint, is_new boolean) language plpgsql as $$
#variable_conflict use_variable
declare
  target botticelli.queues;
  rank timestamptz;
  no_key text;
  unknown text;
begin
  target := botticelli.check_job(queue, run_at, priority, max_attempts, traceparent, not_after, version);
  perform botticelli.check_args(queue, target.kind, given.args)
  from unnest(args) as given (args)
  -- What needs no closer look is told here, and quickly: most bulk jobs are small and of the same kind. No text is more than
  -- six times as long as what is stored of it (a control character: one byte, written as \u0001).
  where given.args is null or jsonb_typeof(given.args) <> 'object' or pg_column_size(given.args) > 32768
     or (target.kind in ('generation', 'narrative', 'curation', 'posting') and given.args <> '{}');
  if unique_while is not null and unique_while not in ('waiting', 'unfinished') then
    raise exception 'unique_while of queue "%" must be "waiting" or "unfinished", not "%"', queue, unique_while using errcode = '22023';
  end if;
  if unique_by is null and (unique_while is not null or unique_for is not null) then
    raise exception 'unique_while and unique_for of queue "%" need unique_by', queue
      using errcode = '22023', hint = 'Write unique_by => ''{*}'' for all arguments, ''{limit}'' for named ones, ''{}'' for one job in the queue.';
  end if;
  select k into unknown from unnest(unique_by) as k
  where k <> '*' and not k = any (botticelli.known_args(target.kind)) limit 1;
  if found then
    raise exception 'unknown argument "%" in unique_by of queue "%" (kind %)', unknown, queue, target.kind
      using errcode = '22023', hint = format('Known arguments: %s, and * for all of them.', array_to_string(botticelli.known_args(target.kind), ', '));
  end if;
  if unique_for <= interval '0' then
    raise exception 'unique_for of queue "%" must be longer than nothing, not %', queue, unique_for using errcode = '22023';
  end if;
  if cardinality(limit_keys) <> cardinality(args) then
    raise exception 'limit_keys of queue "%" must have one element for each job, which are %, not %', queue, cardinality(args), cardinality(limit_keys)
      using errcode = '22023', hint = 'Write NULL for a job without a key.';
  end if;
  if exists (select from unnest(limit_keys) as given (key) where length(given.key) not between 1 and 200) then
    raise exception 'a limit_key of queue "%" must have from 1 to 200 characters', queue
      using errcode = '22023', hint = 'Leave it out, or write NULL, for a job without a key.';
  end if;

  -- Where keys take turns a job without one has its turn too.
  no_key := case when target.has_limited_keys then '' end;
  rank := run_at - make_interval(mins => priority);
  if unique_by is null then
    return query
    insert into botticelli.waiting_jobs as job (queue, kind, args, priority, run_at, rank, is_ready, max_attempts, traceparent, source, not_after, limit_key, version)
    select queue, target.kind, given.args, priority, run_at, rank, run_at <= now(), coalesce(max_attempts, target.max_attempts), traceparent, source, not_after, coalesce(given.limit_key, no_key), version
    from unnest(args, limit_keys) as given (args, limit_key)
    returning job.id, true;
  else
    return query
    with given as materialized (
      select given.args, given.limit_key, given.place, botticelli.unique_key(queue, given.args, unique_by) as key
      from unnest(args, limit_keys) with ordinality as given (args, limit_key, place)
    ),
    proposed as materialized (
      select firsts.*, nextval(pg_get_serial_sequence('botticelli.waiting_jobs', 'id')) as id
      -- Numbered in the order in which they were given: of equals the one with the lowest number runs first.
      from (
        select * from (
          select distinct on (given.key) given.key, given.args, given.limit_key, given.place from given order by given.key, given.place
        ) as firsts order by firsts.place
      ) as firsts
    ),
    keyed as (
      insert into botticelli.job_keys as held (key, job_id, held_until, expires_at)
      select
        proposed.key, proposed.id,
        case when unique_while = 'waiting' then 'claim' when unique_while is null and unique_for is not null then null else 'end' end,
        now() + unique_for
      -- In the order of keys, so that two that enqueue the same wait for one another and not each for the other.
      from proposed order by proposed.key
      on conflict (key) do update set
        job_id = case when held.held_until is null and coalesce(held.expires_at <= now(), true) then excluded.job_id else held.job_id end,
        held_until = case when held.held_until is null and coalesce(held.expires_at <= now(), true) then excluded.held_until else held.held_until end,
        expires_at = case when held.held_until is null and coalesce(held.expires_at <= now(), true) then excluded.expires_at else held.expires_at end
      returning held.key, held.job_id
    ),
    inserted as (
      insert into botticelli.waiting_jobs as job (id, queue, kind, args, priority, run_at, rank, is_ready, max_attempts, traceparent, source, not_after, unique_key, limit_key, version)
      select proposed.id, queue, target.kind, proposed.args, priority, run_at, rank, run_at <= now(), coalesce(max_attempts, target.max_attempts), traceparent, source, not_after, proposed.key, coalesce(proposed.limit_key, no_key), version
      from proposed join keyed on keyed.key = proposed.key and keyed.job_id = proposed.id
      order by proposed.place
      returning job.id
    )
    select keyed.job_id, inserted.id is not null and proposed.place = given.place
    from given
      join keyed on keyed.key = given.key
      join proposed on proposed.key = given.key
      left join inserted on inserted.id = keyed.job_id
    order by given.place;
  end if;
end
$$;
