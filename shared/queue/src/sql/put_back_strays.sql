-- $1 queue, $2 worker, $3 claims that the worker knows it has.
with strays as materialized (
  select id, open
  from botticelli.claims
  where queue = $1 and worker_id = $2 and not (id = any ($3))
),
ended as materialized (
  select ended.*
  from (select array_agg(id) as claims, array_agg(open) as places from strays having count(*) > 0) as stray,
    botticelli.end_jobs($2, stray.claims, stray.places, 'handed_back') as ended
),
cancelled as materialized (
  select cancelled.id
  from ended, botticelli.bury_cancelled(ended.queue, ended.claimed_at, ended.jobs, ended.places) as cancelled
)
insert into botticelli.waiting_jobs (
  id, queue, kind, args, priority, run_at, rank, is_suspect, attempt, interruptions, max_attempts, enqueued_at, source,
  traceparent, errors, not_after, unique_key, limit_key, version, workflow
)
select
  job.id, ended.queue, job.kind, job.args, job.priority, job.run_at, job.run_at - make_interval(mins => job.priority),
  job.is_suspect, job.attempt, job.interruptions + 1, job.max_attempts, job.enqueued_at, job.source, job.traceparent, job.errors,
  job.not_after, job.unique_key, job.limit_key, job.version, job.workflow
from ended, unnest(ended.jobs) with ordinality as job
where get_bit(ended.places, job.ordinality::integer - 1) = 1
  and not exists (select from cancelled where cancelled.id = job.id)
