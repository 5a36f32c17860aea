-- $1 queue, $2 most rows, $3 worker.
-- A claim is leased, not locked: an act may take minutes, and a row lock held that long would pin the vacuum horizon.
with due as materialized (
  select id
  from botticelli.jobs
  where queue = $1
    and state <> 'running'
    and run_at <= now()
    -- The next attempt must pass `attempt_is_sane`, or one row made by hand stops the whole queue.
    and attempt < 1000000
    and exists (select from botticelli.queues where name = $1 and not is_paused)
    -- A worker whose lease has ended must not take work that the next rescue would take from it.
    and exists (select from botticelli.workers where id = $3 and lease_until > now())
  order by priority desc, run_at, id
  limit $2
  for update skip locked
)
update botticelli.jobs
set state = 'running', attempt = jobs.attempt + 1, worker_id = $3, attempted_at = now()
from due
where jobs.id = due.id
returning
  jobs.id, jobs.kind, jobs.args::text as args, jobs.attempt, jobs.interruptions, jobs.max_attempts, jobs.source, jobs.traceparent,
  jobs.run_at, jobs.attempted_at, jobs.priority
