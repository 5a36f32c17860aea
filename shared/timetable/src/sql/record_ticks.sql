-- $1 what became of ticks.
insert into botticelli.schedule_ticks (actor, tick_at, revision, outcome, reason, job_id, through, ticks)
select *
from jsonb_to_recordset($1) as tick (
  actor text, tick_at timestamptz, revision text, outcome text, reason text, job_id bigint, through timestamptz, ticks integer
)
-- Only one that waited for a job: for any other to be there already is a fault, and nothing is committed.
on conflict on constraint one_job_per_tick do update set
  outcome = case when schedule_ticks.outcome = 'buffered' then excluded.outcome end,
  reason = excluded.reason, job_id = excluded.job_id, recorded_at = now()
