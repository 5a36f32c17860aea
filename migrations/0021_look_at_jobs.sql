-- What a job is limited by can be seen, and no job is claimed before it is enqueued. Owner: shared/queue.

-- A claim may begin before the commit that it finds a job of.
alter table botticelli.claims alter claimed_at set default clock_timestamp();

drop function botticelli.job(bigint);

-- One job, wherever it is: waiting, pending, running, dead or completed. Nothing when it is unknown, or its history is pruned.
create function botticelli.job(job_id bigint) returns table (
  id bigint, queue text, kind text, state text, args jsonb, priority smallint, run_at timestamptz, attempt integer,
  interruptions integer, max_attempts integer, worker_id uuid, worker_name text, enqueued_at timestamptz, attempted_at timestamptz,
  finished_at timestamptz, source text, traceparent text, errors jsonb, reason text, not_after timestamptz, unique_key text,
  limit_key text, version smallint, workflow bigint, done bigint, total bigint, note text, progress_at timestamptz, result jsonb
) language sql stable as $$
  select found.*, report.done, report.total, report.note, report.progress_at, report.result
  from (
    select
      waiting.id, waiting.queue, waiting.kind,
      case when run_at <= now() then 'available' when attempt > interruptions then 'retryable' else 'scheduled' end,
      waiting.args, waiting.priority, waiting.run_at, waiting.attempt, waiting.interruptions, waiting.max_attempts, null::uuid,
      null::text, waiting.enqueued_at, null::timestamptz, null::timestamptz, waiting.source, waiting.traceparent,
      coalesce(waiting.errors, '[]'), null::text, waiting.not_after, waiting.unique_key, waiting.limit_key, waiting.version, waiting.workflow
    from botticelli.waiting_jobs waiting where waiting.id = $1
    union all
    select
      pending.id, pending.queue, pending.kind, 'pending', pending.args, pending.priority, pending.run_at, pending.attempt,
      pending.interruptions, pending.max_attempts, null, null, pending.enqueued_at, null, null, pending.source,
      pending.traceparent, coalesce(pending.errors, '[]'), null, pending.not_after, pending.unique_key, pending.limit_key, pending.version,
      pending.workflow
    from botticelli.pending_jobs pending where pending.id = $1
    union all
    select
      dead.id, dead.queue, dead.kind, dead.state, dead.args, dead.priority, dead.run_at, dead.attempt, dead.interruptions,
      dead.max_attempts, null, null, dead.enqueued_at, dead.attempted_at, dead.finished_at, dead.source, dead.traceparent,
      dead.errors, dead.reason, null, dead.unique_key, dead.limit_key, dead.version, dead.workflow
    from botticelli.dead_jobs dead where dead.id = $1
    union all
    select
      job.id, claim.queue, job.kind, case when claim.is_open then 'running' else 'completed' end, job.args, job.priority, job.run_at,
      job.attempt, job.interruptions, job.max_attempts, claim.worker_id, workers.name, job.enqueued_at, claim.claimed_at,
      claim.ended_at, job.source, job.traceparent, coalesce(job.errors, '[]'),
      case when claim.is_open then botticelli.cancellation_reason(cancellations.cancelled_by, cancellations.reason) end,
      job.not_after, job.unique_key, job.limit_key, job.version, job.workflow
    from botticelli.tries($1) as claim
      cross join lateral (select (claim.job).*) as job
      left join botticelli.workers on workers.id = claim.worker_id
      left join botticelli.cancellations on cancellations.job_id = job.id
    where claim.is_open or claim.outcome = 'completed'
  ) as found
    left join botticelli.job_reports report on report.job_id = found.id
  limit 1
$$;
