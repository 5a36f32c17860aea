-- Jobs whose worker's lease has ended go back, or out when their tries are used up. $1: most claims at once, $2: seconds after
-- the database's start in which only the jobs of workers that gave their lease up are lost.
with gone as materialized (
  -- Locked, so that of a renewal and a rescue at the same moment one takes place: who is being renewed just now is passed over,
  -- and who renews after this finds that its lease has ended.
  select id
  from botticelli.workers
  where lease_until <= clock_timestamp()
    -- Nobody could renew while the database was down; who still lives hands its jobs back at no cost of a try.
    and pg_postmaster_start_time() <= clock_timestamp() - make_interval(secs => $2)
  for update skip locked
),
lost as materialized (
  select id, worker_id, open
  from botticelli.claims
  where worker_id in (select gone.id from gone)
    or not exists (select from botticelli.workers where workers.id = claims.worker_id)
  limit $1
  for update skip locked
),
claim as materialized (
  select claim.*
  from lost, botticelli.end_jobs(lost.worker_id, array[lost.id], array[lost.open], 'lost') as claim
),
cancelled as materialized (
  select cancelled.id
  from claim,
    botticelli.bury_cancelled(
      claim.queue, claim.claimed_at, claim.jobs, claim.places, 'the worker was lost while it ran this job'
    ) as cancelled
),
ended as materialized (
  select
    claim.queue, claim.claimed_at, job.*,
    case
      when exists (select from cancelled where cancelled.id = job.id) then 'cancelled'
      when job.attempt - job.interruptions >= job.max_attempts then 'discarded'
      else 'waits'
    end as fate,
    coalesce(job.errors, '[]') || jsonb_build_array(jsonb_build_object(
      'attempt', job.attempt, 'at', now(), 'error', 'the worker was lost while it ran this job')) as all_errors
  from claim, unnest(claim.jobs) with ordinality as job
  where get_bit(claim.places, job.ordinality::integer - 1) = 1
),
-- A job that keeps taking its worker down with it must not do so for ever.
buried as (
  insert into botticelli.dead_jobs (
    id, queue, kind, args, state, priority, run_at, attempt, interruptions, max_attempts, enqueued_at, attempted_at,
    source, traceparent, errors, reason, unique_key, limit_key, version, workflow
  )
  select
    id, queue, kind, args, 'discarded', priority, run_at, attempt, interruptions, max_attempts, enqueued_at, claimed_at,
    source, traceparent, all_errors, 'the worker was lost while it ran this job, on its last try', unique_key, limit_key, version, workflow
  from ended where fate = 'discarded'
),
freed as (
  update botticelli.job_keys set held_until = null
  where key = any (array(
    select held.key
    from ended join botticelli.job_keys as held on held.key = ended.unique_key and held.job_id = ended.id
    where ended.fate = 'discarded' and held.held_until is not null
    -- In the order in which an enqueue takes them, so that the two wait for one another and not each for the other.
    order by held.key
    for update of held
  ))
),
returned as (
  insert into botticelli.waiting_jobs (
    id, queue, kind, args, priority, run_at, rank, is_suspect, attempt, interruptions, max_attempts, enqueued_at, source,
    traceparent, errors, not_after, unique_key, limit_key, version, workflow
  )
  select
    id, queue, kind, args, priority, run_at, run_at - make_interval(mins => priority), true, attempt, interruptions,
    max_attempts, enqueued_at, source, traceparent, all_errors, not_after, unique_key, limit_key, version, workflow
  from ended where fate = 'waits'
)
select id, queue, attempt, fate = 'discarded' as discarded, fate = 'cancelled' as cancelled from ended
