-- $1 schedule, $2 ticks, $3 their jobs. One that was skipped or missed has a job now.
insert into botticelli.schedule_ticks (actor, tick_at, outcome, job_id, reason)
select $1, tick.at, 'enqueued', tick.job, 'backfilled' from unnest($2::timestamptz[], $3::bigint[]) as tick (at, job)
on conflict on constraint one_job_per_tick do update set
  outcome = excluded.outcome, job_id = excluded.job_id, reason = excluded.reason, through = null, ticks = 1, recorded_at = now()
