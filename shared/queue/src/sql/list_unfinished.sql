-- $1 queue or null, $2 state or null, $3 most rows.
with running as materialized (
  select job.id, claims.queue, job.priority, job.run_at, job.attempt, job.enqueued_at, workers.name as worker_name
  from botticelli.claims
    cross join lateral unnest(claims.jobs) with ordinality as job
    left join botticelli.workers on workers.id = claims.worker_id
  where ($1::text is null or claims.queue = $1) and ($2::text is null or $2 = 'running')
    and get_bit(claims.open, job.ordinality::integer - 1) = 1
  order by claims.id, job.ordinality
  limit $3
),
waiting as materialized (
  select
    id, queue, priority, run_at, attempt, enqueued_at,
    case when run_at <= now() then 'available' when attempt > interruptions then 'retryable' else 'scheduled' end as state
  from botticelli.waiting_jobs
  where ($1::text is null or queue = $1)
    and case $2::text
      when 'available' then run_at <= now()
      when 'retryable' then run_at > now() and attempt > interruptions
      when 'scheduled' then run_at > now() and attempt = interruptions
      when 'running' then false
      when 'pending' then false
      else true
    end
  order by id
  limit $3
),
pending as materialized (
  select id, queue, priority, run_at, attempt, enqueued_at
  from botticelli.pending_jobs
  where ($1::text is null or queue = $1) and ($2::text is null or $2 = 'pending')
  order by id
  limit $3
)
select id, queue, 'running' as state, priority, run_at, attempt, enqueued_at, worker_name from running
union all
select id, queue, state, priority, run_at, attempt, enqueued_at, null from waiting
union all
select id, queue, 'pending', priority, run_at, attempt, enqueued_at, null from pending
limit $3
