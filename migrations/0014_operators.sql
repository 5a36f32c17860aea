-- For operators: where a job is, how queues stand, and what is kept for how long. A public contract, documented in
-- docs/sql.md. Owner: shared/queue.

create index dead_jobs_finished on botticelli.dead_jobs (finished_at);

-- Every claim of a job that is still known, the first one first, with how it ended: `completed`, `retried`, `snoozed`,
-- `awaiting`, `handed_back`, `lost`, `discarded` or `cancelled`. The history is searched by the range of ids of each claim, not job by job.
create function botticelli.tries(job_id bigint) returns table (
  attempt integer, worker_id uuid, claimed_at timestamptz, is_open boolean, outcome text, ended_at timestamptz, queue text,
  job botticelli.claimed_job
) language sql stable as $$
  select
    job.attempt, claim.worker_id, claim.claimed_at, ending.outcome is null, ending.outcome, ending.ended_at, claim.queue,
    claim.jobs[job.ordinality::integer]
  from (
    select claims.queue, claims.worker_id, claims.claimed_at, claims.jobs, claims.endings
    from botticelli.claims where claims.first_job <= $1 and claims.last_job >= $1
    union all
    select history.queue, history.worker_id, history.claimed_at, history.jobs, history.endings
    from botticelli.claim_history history where history.first_job <= $1 and history.last_job >= $1
  ) as claim
    cross join lateral unnest(claim.jobs) with ordinality as job
    left join lateral (
      select ending.outcome, ending.ended_at from unnest(claim.endings) as ending
      where get_bit(ending.places, job.ordinality::integer - 1) = 1
    ) as ending on true
  where job.id = $1
  order by claim.claimed_at, job.attempt
$$;

-- One job, wherever it is: waiting, pending, running, dead or completed. Nothing when it is unknown, or its history is pruned.
create function botticelli.job(job_id bigint) returns table (
  id bigint, queue text, kind text, state text, args jsonb, priority smallint, run_at timestamptz, attempt integer,
  interruptions integer, max_attempts integer, worker_id uuid, worker_name text, enqueued_at timestamptz, attempted_at timestamptz,
  finished_at timestamptz, source text, traceparent text, errors jsonb, reason text, not_after timestamptz, unique_key text,
  version smallint, workflow bigint, done bigint, total bigint, note text, progress_at timestamptz, result jsonb
) language sql stable as $$
  select found.*, report.done, report.total, report.note, report.progress_at, report.result
  from (
    select
      waiting.id, waiting.queue, waiting.kind,
      case when run_at <= now() then 'available' when attempt > interruptions then 'retryable' else 'scheduled' end,
      waiting.args, waiting.priority, waiting.run_at, waiting.attempt, waiting.interruptions, waiting.max_attempts, null::uuid,
      null::text, waiting.enqueued_at, null::timestamptz, null::timestamptz, waiting.source, waiting.traceparent,
      coalesce(waiting.errors, '[]'), null::text, waiting.not_after, waiting.unique_key, waiting.version, waiting.workflow
    from botticelli.waiting_jobs waiting where waiting.id = $1
    union all
    select
      pending.id, pending.queue, pending.kind, 'pending', pending.args, pending.priority, pending.run_at, pending.attempt,
      pending.interruptions, pending.max_attempts, null, null, pending.enqueued_at, null, null, pending.source,
      pending.traceparent, coalesce(pending.errors, '[]'), null, pending.not_after, pending.unique_key, pending.version,
      pending.workflow
    from botticelli.pending_jobs pending where pending.id = $1
    union all
    select
      dead.id, dead.queue, dead.kind, dead.state, dead.args, dead.priority, dead.run_at, dead.attempt, dead.interruptions,
      dead.max_attempts, null, null, dead.enqueued_at, dead.attempted_at, dead.finished_at, dead.source, dead.traceparent,
      dead.errors, dead.reason, null, dead.unique_key, dead.version, dead.workflow
    from botticelli.dead_jobs dead where dead.id = $1
    union all
    select
      job.id, claim.queue, job.kind, case when claim.is_open then 'running' else 'completed' end, job.args, job.priority, job.run_at,
      job.attempt, job.interruptions, job.max_attempts, claim.worker_id, workers.name, job.enqueued_at, claim.claimed_at,
      claim.ended_at, job.source, job.traceparent, coalesce(job.errors, '[]'),
      case when claim.is_open then botticelli.cancellation_reason(cancellations.cancelled_by, cancellations.reason) end,
      job.not_after, job.unique_key, job.version, job.workflow
    from botticelli.tries($1) as claim
      cross join lateral (select (claim.job).*) as job
      left join botticelli.workers on workers.id = claim.worker_id
      left join botticelli.cancellations on cancellations.job_id = job.id
    where claim.is_open or claim.outcome = 'completed'
  ) as found
    left join botticelli.job_reports report on report.job_id = found.id
  limit 1
$$;

-- The jobs of a workflow, in the order in which they were enqueued.
create function botticelli.workflow(workflow bigint) returns table (
  id bigint, name text, parent_id bigint, queue text, state text, needs bigint[], on_failure text, result jsonb, ended_at timestamptz
) language sql stable as $$
  select
    j.job_id, j.name, j.parent_id, found.queue, coalesce(j.outcome, found.state),
    array(select needs.needed_id from botticelli.job_needs needs where needs.job_id = j.job_id order by needs.needed_id),
    j.on_failure, report.result, j.ended_at
  from botticelli.workflow_jobs j
    left join botticelli.job_reports report on report.job_id = j.job_id
    left join lateral (select f.queue, f.state from botticelli.job(j.job_id) as f) as found on true
  where j.workflow = $1
  order by j.job_id
$$;

-- How the queues stand.
create view botticelli.queue_depth as
select
  queues.name as queue, queues.is_paused, coalesce(waiting.ready, 0) as ready, coalesce(waiting.later, 0) as later,
  coalesce(pending.jobs, 0) as pending, coalesce(running.jobs, 0) as running, now() - waiting.oldest as oldest_ready_age
from botticelli.queues
  left join (
    select
      queue, count(*) filter (where run_at <= now()) as ready, count(*) filter (where run_at > now()) as later,
      min(run_at) filter (where run_at <= now()) as oldest
    from botticelli.waiting_jobs group by queue
  ) as waiting on waiting.queue = queues.name
  left join (
    select queue, count(*) as jobs from botticelli.pending_jobs group by queue
  ) as pending on pending.queue = queues.name
  left join (
    select queue, sum(bit_count(open))::bigint as jobs from botticelli.claims group by queue
  ) as running on running.queue = queues.name;

-- What runs, and where.
create view botticelli.running_jobs as
select
  job.id, claims.queue, job.kind, job.attempt, claims.worker_id, workers.name as worker_name, claims.claimed_at,
  now() - claims.claimed_at as running_for, workers.lease_until,
  botticelli.cancellation_reason(cancellations.cancelled_by, cancellations.reason) as cancellation,
  report.done, report.total, report.note, report.progress_at
from botticelli.claims
  cross join lateral unnest(claims.jobs) with ordinality as job
  left join botticelli.workers on workers.id = claims.worker_id
  left join botticelli.cancellations on cancellations.job_id = job.id
  left join botticelli.job_reports report on report.job_id = job.id
where get_bit(claims.open, job.ordinality::integer - 1) = 1;

-- What dead jobs died of.
create view botticelli.dead_by_reason as
select
  queue, state, fingerprint, count(*) as jobs, min(finished_at) as first_at, max(finished_at) as last_at,
  (array_agg(reason order by id desc))[1] as sample_reason
from botticelli.dead_jobs
group by queue, state, fingerprint;

-- How many jobs were completed in each minute of the last hour.
create view botticelli.queue_throughput as
select
  claim.queue, date_trunc('minute', ending.ended_at) as minute, sum(bit_count(ending.places))::bigint as completed
from (
  -- Without the jobs themselves, which are most of a claim.
  select queue, endings from botticelli.claim_history where closed_at >= now() - interval '1 hour'
  union all
  select queue, endings from botticelli.claims
) as claim
  cross join lateral unnest(claim.endings) as ending
where ending.outcome = 'completed' and ending.ended_at >= now() - interval '1 hour'
group by claim.queue, date_trunc('minute', ending.ended_at);

-- Deletes what has been over for longer than is asked for: the history a day at a time, dead jobs, keys that hold nothing
-- any more, cancellations that came too late, and what jobs of that time told and were part of. One call is one short transaction that deletes `at_most` of each and
-- one day, and waits for nobody; `is_done` says whether another call would find more. While somebody else prunes, it does nothing.
create function botticelli.prune(
  history interval default '14 days', dead interval default '90 days', at_most integer default 10000,
  out days_dropped integer, out claims_deleted integer, out dead_deleted integer, out keys_deleted integer,
  out cancellations_deleted integer, out reports_deleted integer, out log_lines_deleted integer, out workflows_deleted integer,
  out is_done boolean
-- Who waits for a lock on the history makes the workers wait that complete jobs.
) language plpgsql set lock_timeout = '50ms' as $$
declare
  partition text;
begin
  if history is null or history < interval '0' or dead is null or dead < interval '0' then
    raise exception 'history must be kept for some time, not % and %', coalesce(history::text, 'NULL'), coalesce(dead::text, 'NULL')
      using errcode = '22023', hint = 'Write for example botticelli.prune(history => ''14 days'', dead => ''90 days'').';
  end if;
  days_dropped := 0;
  claims_deleted := 0;
  dead_deleted := 0;
  keys_deleted := 0;
  cancellations_deleted := 0;
  reports_deleted := 0;
  log_lines_deleted := 0;
  workflows_deleted := 0;
  is_done := true;
  if not pg_try_advisory_xact_lock(hashtext('botticelli.prune')) then
    return;
  end if;

  delete from botticelli.dead_jobs where ctid = any (array(
    select ctid from botticelli.dead_jobs where finished_at < now() - dead order by finished_at limit at_most for update skip locked
  ));
  get diagnostics dead_deleted = row_count;

  delete from botticelli.job_keys where ctid = any (array(
    select ctid from botticelli.job_keys
    where held_until is null and (expires_at is null or expires_at <= now())
    limit at_most for update skip locked
  ));
  get diagnostics keys_deleted = row_count;

  -- A job that neither waits nor runs has ended. One that is redriven has had its row removed.
  delete from botticelli.cancellations where job_id = any (array(
    select job_id from botticelli.cancellations
    where not exists (select from botticelli.jobs where jobs.id = cancellations.job_id)
    limit at_most for update of cancellations skip locked
  ));
  get diagnostics cancellations_deleted = row_count;

  -- A workflow with a dead job may go on.
  delete from botticelli.workflows where id = any (array(
    select flow.id from botticelli.workflows flow
    where flow.ended_at < now() - history and not exists (select from botticelli.dead_jobs dead where dead.workflow = flow.id)
    order by flow.ended_at limit greatest(at_most / 100, 1) for update skip locked
  ));
  get diagnostics workflows_deleted = row_count;

  -- Jobs that have not ended, and those of workflows that are kept, are still asked for what they told.
  with old as materialized (
    select report.job_id from botticelli.job_reports report
    where report.updated_at < now() - history
      and not exists (select from botticelli.jobs where jobs.id = report.job_id)
      and not exists (select from botticelli.workflow_jobs j where j.job_id = report.job_id)
    order by report.updated_at limit at_most for update skip locked
  )
  delete from botticelli.job_reports using old where job_reports.job_id = old.job_id;
  get diagnostics reports_deleted = row_count;

  delete from botticelli.job_logs where ctid = any (array(
    select ctid from botticelli.job_logs line
    where line.at < now() - history and not exists (select from botticelli.jobs where jobs.id = line.job_id)
    limit at_most for update skip locked
  ));
  get diagnostics log_lines_deleted = row_count;

  begin
    delete from botticelli.claim_history_default where ctid = any (array(
      select ctid from botticelli.claim_history_default where closed_at < now() - history limit at_most for update skip locked
    ));
    get diagnostics claims_deleted = row_count;
  exception when lock_not_available then
    -- Somebody makes a partition just now.
    claims_deleted := 0;
  end;
  is_done := greatest(dead_deleted, keys_deleted, cancellations_deleted, reports_deleted, log_lines_deleted, claims_deleted) < at_most
    and workflows_deleted < greatest(at_most / 100, 1);

  -- Last, and one alone, because what this locks stays locked until the transaction ends.
  for partition in
    select relname from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = 'botticelli.claim_history'::regclass and relname ~ '^claim_history_[0-9]{8}$'
      and (to_date(right(relname, 8), 'YYYYMMDD') + 1)::timestamp at time zone 'UTC' <= now() - history
    order by relname
    limit 2
  loop
    if days_dropped > 0 then
      is_done := false;
    else
      begin
        execute format('drop table botticelli.%I', partition);
        days_dropped := 1;
      exception when lock_not_available then
        -- Somebody reads the history. There is time.
        exit;
      end;
    end if;
  end loop;
end
$$;
