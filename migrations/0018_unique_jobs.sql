-- Unique jobs: what makes no sense is refused, and a transaction that enqueues one which is there keeps nobody from claiming
-- and settling. Owner: shared/queue.

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
  if (args ->> 'round')::integer > (args ->> 'iterations')::integer then
    raise exception 'argument "round" of queue "%" must be one of the % rounds, not %', queue, args -> 'iterations', args -> 'round'
      using errcode = '22023';
  end if;
end
$$;

-- Gives keys to jobs, as far as they are free, and who has each in the end. `keys` are in order, so that two who ask for the
-- same wait for one another and not each for the other.
--
-- A key that another job holds until its end is only read: to lock it would let that job's end wait for the caller's
-- transaction. One that is held until the claim is locked, so that its job does not begin before what the caller writes can be
-- seen; claims pass over it meanwhile and are told to look again.
create function botticelli.take_keys(queue text, keys text[], jobs bigint[], held_until text, expires_at timestamptz)
returns bigint[] language plpgsql as $$
#variable_conflict use_variable
declare
  holders jsonb := '{}';
  added jsonb;
  rest text[] := keys;
begin
  while cardinality(rest) > 0 loop
    with asked as (
      select asked.key, asked.job from unnest(keys, jobs) as asked (key, job) where asked.key = any (rest) order by asked.key
    ),
    taken as (
      insert into botticelli.job_keys as held (key, job_id, held_until, expires_at)
      select asked.key, asked.job, held_until, expires_at from asked
      on conflict do nothing
      returning held.key, held.job_id
    )
    select jsonb_object_agg(taken.key, taken.job_id) into added from taken;
    holders := holders || coalesce(added, '{}');
    rest := array(select key from unnest(rest) as key where not holders ? key order by key);
    exit when rest = '{}';

    perform from botticelli.job_keys held
    where held.key = any (rest)
      and (held.held_until = 'claim' or held.held_until is null and coalesce(held.expires_at <= now(), true))
    order by held.key for update;
    with freed as (
      update botticelli.job_keys held set job_id = asked.job, held_until = held_until, expires_at = expires_at
      from unnest(keys, jobs) as asked (key, job)
      where held.key = asked.key and held.key = any (rest)
        and held.held_until is null and coalesce(held.expires_at <= now(), true)
      returning held.key, held.job_id
    ),
    others as (
      select held.key, held.job_id, held.held_until from botticelli.job_keys held
      where held.key = any (rest) and not exists (select from freed where freed.key = held.key)
    ),
    told as materialized (
      select pg_notify('botticelli_jobs', queue) where exists (select from others where others.held_until = 'claim')
    )
    select jsonb_object_agg(found.key, found.job_id) into added
    from (select freed.key, freed.job_id from freed union all select others.key, others.job_id from others) as found
    where (select count(*) from told) >= 0;
    holders := holders || coalesce(added, '{}');
    -- One that is not there any more has been pruned just now.
    rest := array(select key from unnest(rest) as key where not holders ? key order by key);
  end loop;
  return array(select (holders ->> asked.key)::bigint from unnest(keys) with ordinality as asked (key, place) order by asked.place);
end
$$;

-- What is to be done about jobs before they are claimed, whose rows are locked: those that are past their `not_after` move to
-- the dead ones, and keys that hold until the claim are given back. Gives the number of the former. A job whose key is locked
-- just now, by who enqueues the same, stays: its row is written anew, where the claim does not look.
create or replace function botticelli.take_care_of(from_queue text, places tid[]) returns integer language plpgsql as $$
#variable_conflict use_column
declare
  late integer;
  moment timestamptz := clock_timestamp();
  freed text[];
begin
  with free as materialized (
    select held.key
    from botticelli.waiting_jobs waiting join botticelli.job_keys as held on held.key = waiting.unique_key and held.job_id = waiting.id
    where waiting.ctid = any (places) and (held.held_until = 'claim' or waiting.not_after <= moment)
    order by held.key
    for update of held skip locked
  ),
  given_back as (
    update botticelli.job_keys set held_until = null where key = any (array(select free.key from free))
  )
  select coalesce(array_agg(free.key), '{}') into freed from free;
  update botticelli.waiting_jobs waiting set is_ready = true
  from botticelli.job_keys held
  where waiting.ctid = any (places) and held.key = waiting.unique_key and held.job_id = waiting.id
    and (held.held_until = 'claim' or waiting.not_after <= moment) and not held.key = any (freed);
  with expired as (
    delete from botticelli.waiting_jobs where ctid = any (places) and not_after <= moment returning *
  )
  insert into botticelli.dead_jobs (
    id, queue, kind, args, state, priority, run_at, attempt, interruptions, max_attempts, enqueued_at, source, traceparent,
    errors, reason, unique_key, limit_key, version, workflow
  )
  select
    id, queue, kind, args, 'expired', priority, run_at, attempt, interruptions, max_attempts, enqueued_at, source,
    traceparent, coalesce(errors, '[]'), 'it was not started by its not_after, ' || not_after, unique_key, limit_key, version, workflow
  from expired;
  get diagnostics late = row_count;
  return late;
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
  known text[];
  no_key text;
  unknown text;
  -- The keys that are asked for, in the order of keys, with the first job that asks for each; who has it in the end.
  keys text[];
  firsts bigint[];
  holders bigint[];
begin
  target := botticelli.check_job(queue, run_at, priority, max_attempts, traceparent, not_after, version);
  known := botticelli.known_args(target.kind);
  perform botticelli.check_args(queue, target.kind, given.args)
  from unnest(args) as given (args)
  -- What needs no closer look is told here, and quickly: most bulk jobs are small and of the same kind. No text is more than
  -- six times as long as what is stored of it (a control character: one byte, written as \u0001).
  where given.args is null or jsonb_typeof(given.args) <> 'object' or pg_column_size(given.args) > 32768
     or (known is not null and given.args <> '{}');
  if source is null then
    raise exception 'source of queue "%" must not be NULL', queue using errcode = '22004', hint = 'Leave it out.';
  end if;
  if unique_while is not null and unique_while not in ('waiting', 'unfinished') then
    raise exception 'unique_while of queue "%" must be "waiting" or "unfinished", not "%"', queue, unique_while using errcode = '22023';
  end if;
  if unique_by is null and (unique_while is not null or unique_for is not null) then
    raise exception 'unique_while and unique_for of queue "%" need unique_by', queue
      using errcode = '22023', hint = 'Write unique_by => ''{*}'' for all arguments, ''{limit}'' for named ones, ''{}'' for one job in the queue.';
  end if;
  -- It would be unique by nothing, one in the queue.
  select coalesce(k, 'NULL') into unknown from unnest(unique_by) as k
  where k is null or k <> '*' and not k = any (known) limit 1;
  if found then
    raise exception 'unknown argument "%" in unique_by of queue "%" (kind %)', unknown, queue, target.kind
      using errcode = '22023', hint = format('Known arguments: %s, and * for all of them.', array_to_string(coalesce(known, array['any']), ', '));
  end if;
  if unique_for <= interval '0' or unique_for > interval '100 years' then
    raise exception 'unique_for of queue "%" must be longer than nothing and at most 100 years, not %', queue, unique_for using errcode = '22023';
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
    select array_agg(numbered.key order by numbered.key), array_agg(numbered.id order by numbered.key) into keys, firsts
    from (
      -- Numbered in the order in which they were given: of equals the one with the lowest number runs first.
      select ordered.key, nextval(pg_get_serial_sequence('botticelli.waiting_jobs', 'id')) as id
      from (
        select given.key from (
          select botticelli.unique_key(queue, one.args, unique_by) as key, one.place from unnest(args) with ordinality as one (args, place)
        ) as given
        group by given.key order by min(given.place)
      ) as ordered
    ) as numbered;
    holders := botticelli.take_keys(
      queue, keys, firsts,
      case when unique_while = 'waiting' then 'claim' when unique_while is null and unique_for is not null then null else 'end' end,
      now() + unique_for
    );
    return query
    with given as materialized (
      select given.args, given.limit_key, given.place, botticelli.unique_key(queue, given.args, unique_by) as key
      from unnest(args, limit_keys) with ordinality as given (args, limit_key, place)
    ),
    proposed as materialized (
      select distinct on (held.key) held.key, held.first, held.holder, given.args, given.limit_key, given.place
      from unnest(keys, firsts, holders) as held (key, first, holder) join given on given.key = held.key
      order by held.key, given.place
    ),
    inserted as (
      insert into botticelli.waiting_jobs as job (id, queue, kind, args, priority, run_at, rank, is_ready, max_attempts, traceparent, source, not_after, unique_key, limit_key, version)
      select proposed.first, queue, target.kind, proposed.args, priority, run_at, rank, run_at <= now(), coalesce(max_attempts, target.max_attempts), traceparent, source, not_after, proposed.key, coalesce(proposed.limit_key, no_key), version
      from proposed where proposed.first = proposed.holder
      order by proposed.place
      returning job.id
    )
    select proposed.holder, inserted.id is not null and proposed.place = given.place
    from given
      join proposed on proposed.key = given.key
      left join inserted on inserted.id = proposed.holder
    order by given.place;
  end if;
end
$$;
