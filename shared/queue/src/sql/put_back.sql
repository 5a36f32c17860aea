-- $1 worker, $2 claim, $3 place in it as bits, $4 delay in seconds, $5 error or null, $6 interruptions to add. Gives a row
-- when the job was the worker's; with a reason when it was cancelled, so that it does not wait again.
with ended as materialized (
  select *
  from botticelli.end_jobs(
    $1, array[$2], array[$3::bit varying],
    case when $5::text is not null then 'retried' when $4 > 0 then 'snoozed' else 'handed_back' end
  )
),
cancelled as materialized (
  select cancelled.*
  from ended, botticelli.bury_cancelled(ended.queue, ended.claimed_at, ended.jobs, ended.places, $5::text) as cancelled
),
returned as (
  insert into botticelli.waiting_jobs (
    id, queue, kind, args, priority, run_at, rank, is_ready, is_suspect, attempt, interruptions, max_attempts, enqueued_at, source,
    traceparent, errors, not_after, unique_key, limit_key, version, workflow
  )
  select
    job.id, ended.queue, job.kind, job.args, job.priority, due.at, due.at - make_interval(mins => job.priority), $4 <= 0,
    -- A try that was seen through clears a suspicion; one that was interrupted says nothing.
    $5::text is null and $4 <= 0 and job.is_suspect,
    job.attempt, job.interruptions + $6, job.max_attempts, job.enqueued_at, job.source, job.traceparent,
    case
      when $5::text is null then job.errors
      else coalesce(job.errors, '[]') || jsonb_build_array(jsonb_build_object('attempt', job.attempt, 'at', now(), 'error', $5::text))
    end,
    job.not_after, job.unique_key, job.limit_key, job.version, job.workflow
  from ended,
    unnest(ended.jobs) with ordinality as job,
    lateral (
      select case when $4 > 0 then clock_timestamp() + make_interval(secs => $4) else job.run_at end as at
    ) as due
  where get_bit(ended.places, job.ordinality::integer - 1) = 1 and not exists (select from cancelled)
)
select cancelled.reason from ended left join cancelled on true
