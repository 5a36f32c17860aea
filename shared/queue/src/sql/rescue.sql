-- Jobs whose worker's lease has ended go back, or out when their tries are used up. $1: most rows at once, $2: seconds after
-- the database's start in which only the jobs of workers that gave their lease up are lost.
with lost as materialized (
  select id, worker_id
  from botticelli.jobs
  where state = 'running'
    and not exists (
      select from botticelli.workers
      where workers.id = jobs.worker_id
        and (
          lease_until > clock_timestamp()
          -- Nobody could renew while the database was down; who still lives hands its jobs back at no cost of a try.
          or pg_postmaster_start_time() > clock_timestamp() - make_interval(secs => $2)
        )
    )
  limit $1
  for update skip locked
),
-- A job that keeps taking its worker down with it must not do so for ever.
poison as (
  delete from botticelli.jobs
  using lost
  where jobs.id = lost.id and jobs.attempt - jobs.interruptions >= jobs.max_attempts
  returning jobs.*
),
buried as (
  insert into botticelli.job_history (
    id, queue, kind, args, state, priority, run_at, attempt, interruptions, max_attempts, enqueued_at, attempted_at,
    source, traceparent, errors
  )
  select
    id, queue, kind, args, 'discarded', priority, run_at, attempt, interruptions, max_attempts, enqueued_at,
    attempted_at, source, traceparent,
    errors || jsonb_build_array(jsonb_build_object(
      'attempt', attempt, 'at', now(), 'error', 'the worker was lost while it ran this job, on its last try'))
  from poison
  returning id, queue, attempt, true as discarded
),
returned as (
  update botticelli.jobs
  set
    state = 'available',
    worker_id = null,
    errors = errors || jsonb_build_array(jsonb_build_object(
      'attempt', jobs.attempt, 'at', now(), 'error', 'the worker was lost while it ran this job'))
  from lost
  where jobs.id = lost.id and jobs.attempt - jobs.interruptions < jobs.max_attempts
  returning jobs.id, jobs.queue, jobs.attempt, false as discarded, pg_notify('botticelli_jobs', jobs.queue)
)
select id, queue, attempt, discarded from buried
union all
select id, queue, attempt, discarded from returned
