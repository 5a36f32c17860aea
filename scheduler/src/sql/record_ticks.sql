-- $1 schedules, $2 ticks, $3 revisions, $4 outcomes, $5 reasons, $6 jobs, $7 ends of stretches, $8 numbers of ticks.
insert into botticelli.schedule_ticks (actor, tick_at, revision, outcome, reason, job_id, through, ticks)
select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[], $8::integer[])
-- Only one that waited for a job: for any other to be there already is a fault, and nothing is committed.
on conflict on constraint one_job_per_tick do update set
  outcome = case when schedule_ticks.outcome = 'buffered' then excluded.outcome end,
  reason = excluded.reason, job_id = excluded.job_id, recorded_at = now()
