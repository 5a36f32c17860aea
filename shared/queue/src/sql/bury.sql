-- $1 worker, $2 claim, $3 place in it as bits, $4 state, $5 reason.
with ended as materialized (
  select * from botticelli.end_jobs($1, array[$2], array[$3::bit varying], $4)
)
insert into botticelli.dead_jobs (
  id, queue, kind, args, state, priority, run_at, attempt, interruptions, max_attempts, enqueued_at, attempted_at, source,
  traceparent, errors, reason, unique_key, limit_key, version, workflow
)
select
  job.id, ended.queue, job.kind, job.args, $4, job.priority, job.run_at, job.attempt, job.interruptions, job.max_attempts,
  job.enqueued_at, ended.claimed_at, job.source, job.traceparent,
  coalesce(job.errors, '[]') || jsonb_build_array(jsonb_build_object('attempt', job.attempt, 'at', now(), 'error', $5::text)), $5,
  job.unique_key, job.limit_key, job.version, job.workflow
from ended, unnest(ended.jobs) with ordinality as job
where get_bit(ended.places, job.ordinality::integer - 1) = 1
