-- $1 job, $2 attempt, $3 worker, $4 final state, $5 error or null.
with finished as (
  delete from botticelli.jobs
  where id = $1 and attempt = $2 and worker_id = $3 and state = 'running'
  returning *
)
insert into botticelli.job_history (
  id, queue, kind, args, state, priority, run_at, attempt, interruptions, max_attempts, enqueued_at, attempted_at, source,
  traceparent, errors
)
select
  id, queue, kind, args, $4, priority, run_at, attempt, interruptions, max_attempts, enqueued_at, attempted_at, source,
  traceparent,
  errors || case
    when $5::text is null then '[]'::jsonb
    else jsonb_build_array(jsonb_build_object('attempt', attempt, 'at', now(), 'error', $5::text))
  end
from finished
