-- Limits of a queue that hold in the whole fleet: how many jobs run at once and how many start in a time, altogether and
-- for each key. `botticelli.limit_queue` is a public contract, documented in docs/sql.md. Owner: shared/queue.
--
-- A queue without limits is claimed by the fast statement alone. One with limits is claimed by `claim_limited`, one claim
-- at a time: the row of the queue in `queue_limits` is locked from the count to the commit, which makes the limits exact.
-- The end of a job waits for nobody: it leaves a row in `limit_releases`, which the next claim counts off.

alter table botticelli.queues
  add is_limited boolean not null default false,
  -- Whether jobs with a key have limits of their own, so that keys take turns.
  add has_limited_keys boolean not null default false;

-- The jobs of each key in their order, for claims that go from key to key.
create index waiting_jobs_keyed on botticelli.waiting_jobs (queue, is_suspect, limit_key, rank, id)
where is_ready and limit_key is not null;

-- The limits of each queue that has any, and what of them is in use. Null is no limit.
create table botticelli.queue_limits (
  queue text primary key,
  max_running integer,
  max_running_per_key integer,
  rate integer,
  period interval not null,
  burst integer,
  rate_per_key integer,
  period_per_key interval not null,
  burst_per_key integer,
  -- Jobs that run, those in limit_releases included.
  running bigint not null default 0,
  -- How many jobs could start when `refilled_at` was.
  tokens float8,
  refilled_at timestamptz not null default clock_timestamp(),
  -- The key that had its turn last.
  last_key text collate "C" not null default '',
  -- When the next token comes for a job that waits for one, as far as is known.
  retry_at timestamptz,
  -- When keys that are idle are to be forgotten, and jobs without a key to be found.
  sweep_at timestamptz not null default '-infinity'
) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0.01);

-- What each key of a queue with limits per key has in use. A key without a row uses nothing.
create table botticelli.limited_keys (
  queue text,
  key text collate "C",
  running bigint not null,
  tokens float8,
  refilled_at timestamptz not null,
  primary key (queue, key)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);

-- Ends of jobs that no claim has counted off yet.
create table botticelli.limit_releases (
  queue text not null,
  jobs bigint not null,
  keys text[]
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_insert_scale_factor = 1);

do $$
begin
  alter table botticelli.limit_releases alter keys set compression lz4;
exception when feature_not_supported then null;
end
$$;

create index limit_releases_queue on botticelli.limit_releases (queue);

-- What a bucket holds at `at` that held `tokens` at `since`. A clock that is set back takes nothing away.
create function botticelli.refilled(tokens float8, since timestamptz, at timestamptz, rate integer, period interval, burst integer)
returns float8 language sql immutable as $$
  select least(burst, coalesce(tokens, burst) + greatest(extract(epoch from at - since)::float8, 0) * rate / extract(epoch from period)::float8)
$$;

-- When a bucket that holds `tokens` at `at` will hold a whole one.
create function botticelli.next_token_at(tokens float8, at timestamptz, rate integer, period interval)
returns timestamptz language sql immutable as $$
  select at + make_interval(secs => (1 - tokens) * extract(epoch from period)::float8 / rate)
$$;

-- Sets all limits of a queue; what is left out is not limited. Jobs that run count from the moment this commits.
create function botticelli.limit_queue(
  queue text,
  max_running integer default null,
  max_running_per_key integer default null,
  rate integer default null,
  period interval default interval '1 second',
  burst integer default null,
  rate_per_key integer default null,
  period_per_key interval default interval '1 second',
  burst_per_key integer default null
) returns void language plpgsql
-- Claims wait behind this while it waits for transactions that settle jobs.
set lock_timeout = '5s' as $$
#variable_conflict use_variable
declare
  field text;
  value integer;
  length interval;
  is_counted boolean := num_nonnulls(max_running, max_running_per_key) > 0;
  counts_keys boolean := max_running_per_key is not null;
  is_limited boolean := num_nonnulls(max_running, max_running_per_key, rate, rate_per_key) > 0;
begin
  if not exists (select from botticelli.queues q where q.name = queue) then
    raise exception 'unknown queue "%"', queue using errcode = '22023', hint = coalesce(
      (select 'Known queues: ' || string_agg(q.name, ', ' order by q.name) || '.' from botticelli.queues q),
      'No actor has registered yet: start a scheduler or a worker first.');
  end if;
  for field, value in
    select * from (values
      ('max_running', max_running), ('max_running_per_key', max_running_per_key), ('rate', rate), ('burst', burst),
      ('rate_per_key', rate_per_key), ('burst_per_key', burst_per_key)) as given
  loop
    if value < 1 then
      raise exception '% of queue "%" must be at least 1, not %', field, queue, value
        using errcode = '22023', hint = 'Leave it out for no limit; to let nothing start, pause the queue.';
    end if;
  end loop;
  for field, length in select * from (values ('period', period), ('period_per_key', period_per_key)) as given loop
    if length is null or length < interval '1 millisecond' or length > interval '366 days' then
      raise exception '% of queue "%" must be from 1 millisecond to 366 days, not %', field, queue, coalesce(length::text, 'NULL')
        using errcode = '22023', hint = 'Write for example interval ''1 minute'', or leave it out for one second.';
    end if;
  end loop;
  if burst is not null and rate is null or burst_per_key is not null and rate_per_key is null then
    raise exception 'a burst of queue "%" needs its rate', queue
      using errcode = '22023', hint = 'Write rate with burst, and rate_per_key with burst_per_key.';
  end if;
  burst := coalesce(burst, rate);
  burst_per_key := coalesce(burst_per_key, rate_per_key);

  -- From here on nobody claims or settles, in any queue, until this commits; who does has committed. A claim that waits
  -- here sees the limits: its snapshot is made after it has the table.
  begin
    lock table botticelli.claims in exclusive mode;
  exception when lock_not_available then
    raise exception 'the limits of queue "%" were not changed: a transaction that settles jobs has been open for 5 s', queue
      using errcode = '55P03', hint = 'Try again; pg_stat_activity shows what is open.';
  end;

  if is_limited then
    insert into botticelli.queue_limits as l (
      queue, max_running, max_running_per_key, rate, period, burst, rate_per_key, period_per_key, burst_per_key, tokens
    )
    values (
      queue, max_running, max_running_per_key, rate, period, burst, rate_per_key, period_per_key, burst_per_key, burst
    )
    on conflict on constraint queue_limits_pkey do update set
      max_running = excluded.max_running, max_running_per_key = excluded.max_running_per_key,
      rate = excluded.rate, period = excluded.period, burst = excluded.burst, rate_per_key = excluded.rate_per_key,
      period_per_key = excluded.period_per_key, burst_per_key = excluded.burst_per_key,
      -- What was used of a rate stays used.
      tokens = least(
        case when l.rate is null then excluded.burst
          else botticelli.refilled(l.tokens, l.refilled_at, clock_timestamp(), l.rate, l.period, l.burst) end,
        excluded.burst),
      refilled_at = clock_timestamp(), retry_at = null, sweep_at = '-infinity';
  else
    delete from botticelli.queue_limits l where l.queue = queue;
  end if;
  update botticelli.queues q
  set is_limited = is_limited, has_limited_keys = num_nonnulls(max_running_per_key, rate_per_key) > 0
  where q.name = queue;

  delete from botticelli.limit_releases r where r.queue = queue;
  update botticelli.claims c
  set is_counted = is_counted,
      limit_keys = case when counts_keys then
        array(select coalesce(job.limit_key, '') from unnest(c.jobs) with ordinality as job order by job.ordinality)
      end
  where c.queue = queue and (c.is_counted <> is_counted or (c.limit_keys is not null) <> counts_keys);
  update botticelli.queue_limits l
  set running = (select coalesce(sum(bit_count(c.open)), 0) from botticelli.claims c where c.queue = queue and c.is_counted)
  where l.queue = queue;
  if rate_per_key is null then
    delete from botticelli.limited_keys k where k.queue = queue;
  else
    update botticelli.limited_keys k set running = 0 where k.queue = queue and k.running <> 0;
  end if;
  insert into botticelli.limited_keys as k (queue, key, running, refilled_at)
  select queue, used.key, count(*), clock_timestamp()
  from botticelli.claims c, unnest(c.limit_keys) with ordinality as used (key, place)
  where c.queue = queue and used.key <> '' and get_bit(c.open, used.place::integer - 1) = 1
  group by used.key
  on conflict on constraint limited_keys_pkey do update set running = excluded.running;

  perform pg_notify('botticelli_jobs', queue);
end
$$;

-- Forgets keys that use nothing, and gives jobs that came without a key before there were limits per key the empty one, the
-- first thousand of them. Gives the time for the next sweep: they take a hundredth of the time, however much waits.
create function botticelli.sweep_keys(limits botticelli.queue_limits, at timestamptz) returns timestamptz language plpgsql as $$
declare
  began timestamptz := clock_timestamp();
  adopted integer;
begin
  delete from botticelli.limited_keys k
  where k.queue = limits.queue and k.running = 0
    and (
      limits.rate_per_key is null
      or botticelli.refilled(k.tokens, k.refilled_at, at, limits.rate_per_key, limits.period_per_key, limits.burst_per_key)
        >= limits.burst_per_key
    );
  update botticelli.waiting_jobs set limit_key = ''
  where ctid = any (
    array(
      select ctid from botticelli.waiting_jobs
      where queue = limits.queue and is_ready and is_suspect and limit_key is null
      order by rank, id limit 1000 for update skip locked
    ) || array(
      select ctid from botticelli.waiting_jobs
      where queue = limits.queue and is_ready and not is_suspect and limit_key is null
      order by rank, id limit 1000 for update skip locked
    )
  );
  get diagnostics adopted = row_count;
  if adopted >= 1000 then
    return at;
  end if;
  return clock_timestamp() + greatest(interval '1 second', 100 * (clock_timestamp() - began));
end
$$;

-- Claims up to `room` jobs of a queue with limits, up to `suspects` of them suspects. Gives the row of `claims` if it could
-- claim any, with the suspects first. Where keys have limits they take turns, beginning after the one that had the last; a job without a key has its
-- turn among them.
create function botticelli.claim_limited(queue text, room bigint, worker uuid, suspects bigint)
returns table (id bigint, claimed_at timestamptz, jobs botticelli.claimed_job[])
language plpgsql
-- One plan, the one that follows the indexes, whatever the statistics say.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
-- The claim that calls this has it off.
set enable_sort = on
set jit = off as $$
#variable_conflict use_variable
declare
  -- Less than a millionth of a token does not keep a job waiting: sums of fractions are never quite whole.
  nearly constant float8 := 0.000001;
  limits botticelli.queue_limits;
  moment timestamptz;
  by_key boolean;
  freed bigint := 0;
  can_start bigint;
  take_suspects boolean;
  pass_room bigint;
  quantum bigint;
  places tid[];
  care boolean;
  key_retry_at timestamptz;
  suspect_retry_at timestamptz;
  pass_jobs botticelli.claimed_job[];
  pass_keys text[];
  claimed botticelli.claimed_job[] := '{}';
  claimed_keys text[] := '{}';
  first_job bigint;
  last_job bigint;
  has_keys boolean := false;
  has_workflows boolean := false;
  retry_at timestamptz;
begin
  select * into limits from botticelli.queue_limits l where l.queue = queue for update;
  if not found
    or not exists (select from botticelli.queues q where q.name = queue and not q.is_paused)
    or not exists (select from botticelli.workers w where w.id = worker and w.lease_until > clock_timestamp()) then
    return;
  end if;
  -- Read under the lock, or the time between two claims that wait for one another would be credited twice.
  moment := clock_timestamp();
  by_key := num_nonnulls(limits.max_running_per_key, limits.rate_per_key) > 0;

  if num_nonnulls(limits.max_running, limits.max_running_per_key) > 0 then
    with released as (
      delete from botticelli.limit_releases r where r.queue = queue returning r.jobs, r.keys
    ),
    ended as (
      select used.key, count(*) as jobs from released, unnest(released.keys) as used (key) where used.key <> '' group by used.key
    ),
    counted_off as (
      update botticelli.limited_keys k set running = k.running - ended.jobs from ended where k.queue = queue and k.key = ended.key
    )
    select coalesce(sum(released.jobs), 0) into freed from released;
    limits.running := limits.running - freed;
  end if;
  if limits.rate is not null then
    limits.tokens := botticelli.refilled(limits.tokens, limits.refilled_at, moment, limits.rate, limits.period, limits.burst);
  end if;
  can_start := least(room, limits.max_running - limits.running, floor(limits.tokens + nearly));

  if by_key and limits.sweep_at <= moment then
    limits.sweep_at := botticelli.sweep_keys(limits, moment);
  end if;

  take_suspects := true;
  pass_room := case
    when exists (select from botticelli.waiting_jobs job where job.queue = queue and job.is_ready and job.is_suspect)
    then least(can_start, suspects)
    else 0
  end;
  quantum := pass_room;
  loop
    if pass_room > 0 then
      if by_key then
        with recursive turns as (
          select
            0 as step, limits.last_key as key, false as is_second_lap, pass_room as room_left, '{}'::tid[] as places,
            null::timestamptz as retry_at
          union all
          select
            turns.step + 1, next.key, next.is_second_lap, turns.room_left - cardinality(own.places), own.places,
            case when head.tokens < 1 - nearly then
              botticelli.next_token_at(head.tokens, moment, limits.rate_per_key, limits.period_per_key)
            end
          from turns
          cross join lateral (
            (
              select job.limit_key as key, turns.is_second_lap
              from botticelli.waiting_jobs job
              where job.queue = queue and job.is_suspect = take_suspects and job.is_ready and job.limit_key > turns.key
              order by job.limit_key
              limit 1
            )
            union all
            (
              select job.limit_key, true
              from botticelli.waiting_jobs job
              where job.queue = queue and job.is_suspect = take_suspects and job.is_ready and job.limit_key >= ''
                and not turns.is_second_lap
              order by job.limit_key
              limit 1
            )
            limit 1
          ) as next
          left join botticelli.limited_keys k on k.queue = queue and k.key = next.key
          cross join lateral (
            select
              limits.max_running_per_key - coalesce(k.running, 0) as slots,
              case when limits.rate_per_key is not null and next.key <> '' then
                botticelli.refilled(k.tokens, k.refilled_at, moment, limits.rate_per_key, limits.period_per_key, limits.burst_per_key)
              end as tokens
          ) as head
          cross join lateral (
            select array(
              select job.ctid
              from botticelli.waiting_jobs job
              -- Not `=`: no index but the one by key is of use for this.
              where job.queue = queue and job.is_suspect = take_suspects and job.is_ready
                and job.limit_key >= next.key and job.limit_key <= next.key
                and job.attempt < 1000000
              order by job.limit_key, job.rank, job.id
              limit greatest(least(
                quantum, turns.room_left, case when next.key <> '' then head.slots end, floor(head.tokens + nearly)
              ), 0)
            ) as places
            -- Or it would be looked up for each mention.
            offset 0
          ) as own
          where turns.room_left > 0 and not (next.is_second_lap and next.key > limits.last_key)
        ),
        walked as materialized (
          select (array_agg(turns.key order by turns.step desc))[1] as key, min(turns.retry_at) as retry_at from turns
        ),
        found as materialized (
          select job.ctid, job.not_after is not null or job.unique_key is not null as wants_care
          from botticelli.waiting_jobs job
          where job.ctid = any (array(select unnest(turns.places) from turns))
            -- Again, for one that was changed meanwhile; in a form that no index serves, so that only these rows are looked at.
            and coalesce(job.queue = queue and job.is_ready and job.is_suspect = take_suspects and job.limit_key is not null, false)
          for update skip locked
        )
        select places.found, places.want_care, walked.key, walked.retry_at
        into places, care, limits.last_key, key_retry_at
        from walked, (select array_agg(found.ctid) as found, bool_or(found.wants_care) as want_care from found) as places;
      elsif take_suspects then
        select array_agg(found.ctid), true into places, care
        from (
          select job.ctid from botticelli.waiting_jobs job
          where job.queue = queue and job.is_ready and job.is_suspect and job.attempt < 1000000
          order by job.rank, job.id limit pass_room for update skip locked
        ) as found;
      else
        select array_agg(found.ctid), bool_or(found.not_after is not null or found.unique_key is not null) into places, care
        from (
          select job.ctid, job.not_after, job.unique_key from botticelli.waiting_jobs job
          where job.queue = queue and job.is_ready and not job.is_suspect and job.attempt < 1000000
          order by job.rank, job.id limit pass_room for update skip locked
        ) as found;
      end if;

      if cardinality(places) > 0 then
        if care then
          perform botticelli.take_care_of(queue, places);
        end if;
        with started as materialized (
          delete from botticelli.waiting_jobs job where job.ctid = any (places) returning *
        ),
        counted as (
          insert into botticelli.limited_keys as k (queue, key, running, tokens, refilled_at)
          select
            queue, started.limit_key, case when limits.max_running_per_key is null then 0 else count(*) end,
            limits.burst_per_key - count(*), moment
          from started where by_key and started.limit_key <> '' group by started.limit_key
          on conflict on constraint limited_keys_pkey do update set
            running = k.running + excluded.running,
            tokens = excluded.tokens - limits.burst_per_key
              + botticelli.refilled(k.tokens, k.refilled_at, moment, limits.rate_per_key, limits.period_per_key, limits.burst_per_key),
            refilled_at = moment
        )
        select array_agg(
          row(
            started.id, started.kind, started.args, started.priority, started.run_at, started.attempt + 1, started.interruptions,
            started.max_attempts, started.enqueued_at, started.source, started.traceparent, started.errors, started.is_suspect,
            started.not_after, started.unique_key, started.limit_key, started.version, started.workflow
          )::botticelli.claimed_job
        ),
        array_agg(coalesce(started.limit_key, '')) filter (where limits.max_running_per_key is not null),
        least(first_job, min(started.id)), greatest(last_job, max(started.id)),
        has_keys or coalesce(bool_or(started.unique_key is not null), false),
        has_workflows or coalesce(bool_or(started.workflow is not null), false)
        into pass_jobs, pass_keys, first_job, last_job, has_keys, has_workflows
        -- Sorted once for both arrays.
        from (select * from started as job order by job.rank, job.id) as started;
        -- Nearly always there is one pass, and then nothing to copy.
        if claimed = '{}' then
          claimed := coalesce(pass_jobs, '{}');
          claimed_keys := coalesce(pass_keys, '{}');
        else
          claimed := claimed || pass_jobs;
          claimed_keys := claimed_keys || pass_keys;
        end if;
      end if;
    end if;

    if take_suspects then
      take_suspects := false;
      suspect_retry_at := key_retry_at;
      pass_room := can_start - cardinality(claimed);
      -- At least eight keys have their turn in a claim, if as many have jobs; with what is left of it they have another.
      quantum := ceil(pass_room / 8.0);
    else
      pass_room := can_start - cardinality(claimed);
      quantum := pass_room;
      -- Jobs that had expired leave room too, so it is filled again until nothing is found.
      exit when pass_room <= 0 or coalesce(cardinality(places), 0) = 0;
    end if;
    places := '{}';
  end loop;

  if cardinality(claimed) > 0 then
    return query
    insert into botticelli.claims as kept (
      queue, worker_id, jobs, open, first_job, last_job, has_keys, has_workflows, is_counted, limit_keys
    )
    values (
      queue, worker, claimed, repeat('1', cardinality(claimed))::bit varying, first_job, last_job, has_keys, has_workflows,
      num_nonnulls(limits.max_running, limits.max_running_per_key) > 0,
      case when limits.max_running_per_key is not null then claimed_keys end
    )
    returning kept.id, kept.claimed_at, kept.jobs;
  end if;

  if num_nonnulls(limits.max_running, limits.max_running_per_key) > 0 then
    limits.running := limits.running + cardinality(claimed);
  end if;
  limits.tokens := limits.tokens - cardinality(claimed);
  retry_at := case
    when limits.tokens < 1 - nearly then botticelli.next_token_at(limits.tokens, moment, limits.rate, limits.period)
    when can_start > cardinality(claimed) then least(key_retry_at, suspect_retry_at)
    -- The end of a job tells everybody.
    when limits.running >= limits.max_running then null
    -- It did not look at all keys.
    else limits.retry_at
  end;
  -- A claim that found all blocked leaves no dead row.
  update botticelli.queue_limits l
  set running = limits.running, tokens = limits.tokens, refilled_at = moment, last_key = limits.last_key, retry_at = retry_at,
      sweep_at = limits.sweep_at
  where l.queue = queue
    and (cardinality(claimed) > 0 or freed > 0 or l.sweep_at <> limits.sweep_at or l.retry_at is distinct from retry_at);
end
$$;

-- In how many seconds the next job of a queue may start by the rates of the queue and its keys, as the claim left it that was
-- made last, in this transaction too; null when no job waits for a rate.
create function botticelli.next_start(from_queue text) returns double precision language plpgsql volatile as $$
begin
  return (
    select greatest(extract(epoch from retry_at - clock_timestamp()), 0)::float8
    from botticelli.queue_limits where queue = from_queue and retry_at is not null
  );
end
$$;

-- What the limits allow and what of it is in use now: a row per queue with limits, with `limit_key` null, and one for each
-- key that its limits per key know of.
create view botticelli.limit_usage as
select
  l.queue, null::text as limit_key, l.max_running,
  case when num_nonnulls(l.max_running, l.max_running_per_key) > 0 then
    l.running - coalesce((select sum(r.jobs) from botticelli.limit_releases r where r.queue = l.queue), 0)
  end::bigint as running,
  botticelli.refilled(l.tokens, l.refilled_at, clock_timestamp(), l.rate, l.period, l.burst) as tokens
from botticelli.queue_limits l
union all
select
  k.queue, k.key, l.max_running_per_key,
  case when l.max_running_per_key is not null then k.running - coalesce(ended.jobs, 0) end,
  botticelli.refilled(k.tokens, k.refilled_at, clock_timestamp(), l.rate_per_key, l.period_per_key, l.burst_per_key)
from botticelli.limited_keys k
  join botticelli.queue_limits l on l.queue = k.queue
  left join (
    select r.queue, used.key, count(*) as jobs
    from botticelli.limit_releases r, unnest(r.keys) as used (key) group by r.queue, used.key
  ) as ended on ended.queue = k.queue and ended.key = k.key;
