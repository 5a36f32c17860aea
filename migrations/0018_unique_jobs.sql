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

-- Gives keys to jobs, as far as they are free, and who has each in the end. `keys` are in order, and so are the locks, so that two
-- who ask for the same wait for one another and not each for the other.
--
-- A key that is held is only read: to lock it would let its job's end wait for the caller's transaction. Of one that is held until
-- its job's claim the job itself is locked, so that it does not begin before what the caller writes can be seen; claims pass over
-- it meanwhile and are told to look again when the caller commits.
create function botticelli.take_keys(queue text, keys text[], jobs bigint[], held_until text, expires_at timestamptz)
returns bigint[] language plpgsql as $$
#variable_conflict use_variable
declare
  holders bigint[];
  place integer;
  rounds integer;
  known botticelli.job_keys;
begin
  -- Nearly always all are new, or all are held.
  select array_agg(
    case when held.held_until = 'end' or held.held_until is null and held.expires_at > now() then held.job_id end order by asked.place
  ), count(held.key)
  into holders, rounds
  from unnest(keys) with ordinality as asked (key, place) left join botticelli.job_keys held on held.key = asked.key;
  if rounds = 0 then
    with taken as (
      insert into botticelli.job_keys as held (key, job_id, held_until, expires_at)
      select asked.key, asked.job, held_until, expires_at from unnest(keys, jobs) as asked (key, job) order by asked.key
      on conflict do nothing
      returning held.key, held.job_id
    )
    select array_agg(taken.job_id order by asked.place) into holders
    from unnest(keys) with ordinality as asked (key, place) left join taken on taken.key = asked.key;
  end if;
  for place in select asked.place from unnest(holders) with ordinality as asked (holder, place) where asked.holder is null order by 1 loop
    rounds := 0;
    while holders[place] is null loop
      rounds := rounds + 1;
      if rounds > 100 then
        raise exception 'the key of a unique job of queue "%" changed hands all the time', queue
          using errcode = '40001', hint = 'Try again.';
      end if;
      insert into botticelli.job_keys as held (key, job_id, held_until, expires_at)
      values (keys[place], jobs[place], held_until, expires_at)
      on conflict do nothing;
      if found then
        holders[place] := jobs[place];
        continue;
      end if;
      select * into known from botticelli.job_keys held where held.key = keys[place];
      -- It may have been pruned just now.
      if found and known.held_until is null and coalesce(known.expires_at <= now(), true) then
        update botticelli.job_keys held set job_id = jobs[place], held_until = held_until, expires_at = expires_at
        where held.key = keys[place] and held.held_until is null and coalesce(held.expires_at <= now(), true);
        if found then
          holders[place] := jobs[place];
        end if;
      elsif found and known.held_until = 'claim' then
        -- Waits for a claim that has it in hand; then it is not there any more, and the key is free.
        perform from botticelli.waiting_jobs waiting where waiting.id = known.job_id for update;
        if found then
          holders[place] := known.job_id;
          perform pg_notify('botticelli_jobs', queue);
        end if;
      elsif found then
        holders[place] := known.job_id;
      end if;
    end loop;
  end loop;
  return holders;
end
$$;

-- What is to be done about jobs before they are claimed, whose rows are locked: those that are past their `not_after` move to
-- the dead ones, and keys that hold until the claim are given back. Gives the number of the former. No key that is held is locked
-- by who enqueues, so this waits for no producer.
create or replace function botticelli.take_care_of(from_queue text, places tid[]) returns integer language plpgsql as $$
#variable_conflict use_column
declare
  late integer;
  moment timestamptz := clock_timestamp();
begin
  update botticelli.job_keys set held_until = null
  where key = any (array(
    select held.key
    from botticelli.waiting_jobs waiting join botticelli.job_keys as held on held.key = waiting.unique_key and held.job_id = waiting.id
    where waiting.ctid = any (places) and (held.held_until = 'claim' or held.held_until is not null and waiting.not_after <= moment)
    order by held.key
    for update of held
  ));
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

-- Ends the jobs at `places` of `claims`, as far as the claim is `worker`'s and all of those jobs still run; the others it
-- passes over. Gives each claim that it changed, with its jobs. Every end of a running job goes through here.
create or replace function botticelli.end_jobs(worker uuid, claim_ids bigint[], claim_places bit varying[], outcome text)
returns table (claim bigint, queue text, claimed_at timestamptz, jobs botticelli.claimed_job[], places bit varying)
language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set jit = off set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  return query
  with asked as (
    select * from unnest(claim_ids, claim_places) as asked (claim, places)
  ),
  held as materialized (
    select claims.*, asked.places
    from asked join botticelli.claims on claims.id = asked.claim
    -- Bit strings of different lengths cannot be combined.
    where claims.worker_id = worker and length(claims.open) = length(asked.places) and claims.open & asked.places = asked.places
    -- In one order, so that two that end jobs of the same claims wait for one another and not each for the other.
    order by claims.id
    for update of claims
  ),
  reduced as (
    update botticelli.claims
    set open = held.open & ~held.places,
        endings = held.endings || row(outcome, clock_timestamp(), held.places)::botticelli.ending
    from held
    where claims.id = held.id and held.open <> held.places
  ),
  closed as (
    delete from botticelli.claims using held where claims.id = held.id and held.open = held.places
  ),
  kept as (
    insert into botticelli.claim_history (id, queue, worker_id, claimed_at, jobs, endings, first_job, last_job)
    select
      held.id, held.queue, held.worker_id, held.claimed_at, held.jobs,
      held.endings || row(outcome, clock_timestamp(), held.places)::botticelli.ending, held.first_job, held.last_job
    from held
    where held.open = held.places
  ),
  freed as (
    update botticelli.job_keys set held_until = null
    where key = any (array(
      select job_keys.key
      from held
        cross join unnest(held.jobs) with ordinality as job
        join botticelli.job_keys on job_keys.key = job.unique_key and job_keys.job_id = job.id
      -- One that holds nothing any more may be taken over just now, by who has not committed.
      where held.has_keys and job_keys.held_until is not null and outcome in ('completed', 'discarded', 'cancelled')
        and get_bit(held.places, job.ordinality::integer - 1) = 1
      -- In the order in which an enqueue takes them.
      order by job_keys.key
      for update of job_keys
    ))
    returning key
  ),
  -- A row to be counted off by the next claim, not a count to be changed: it waits for nobody. Whoever was kept from
  -- claiming is told.
  released as (
    insert into botticelli.limit_releases (queue, jobs, keys)
    select
      held.queue, bit_count(held.places),
      case
        when held.limit_keys is null or bit_count(held.places) = length(held.places) then held.limit_keys
        else array(
          select used.key from unnest(held.limit_keys) with ordinality as used (key, place)
          where get_bit(held.places, used.place::integer - 1) = 1
        )
      end
    from held where held.is_counted
    returning pg_notify('botticelli_jobs', limit_releases.queue)
  ),
  -- What else ends a job puts it among the dead ones, and a trigger there does the same.
  advanced as materialized (
    select botticelli.end_workflow_jobs(array_agg(job.id), outcome)
    from held cross join unnest(held.jobs) with ordinality as job
    where held.has_workflows and outcome = 'completed' and job.workflow is not null
      and get_bit(held.places, job.ordinality::integer - 1) = 1
    -- Keys first, as where jobs are given up.
    having count(*) > 0 and (select count(*) from freed) >= 0
  )
  select held.id, held.queue, held.claimed_at, held.jobs, held.places
  from held where (select count(*) from advanced) >= 0;
end
$$;
