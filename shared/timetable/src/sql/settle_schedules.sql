-- $1 schedules as they stand after what was decided about them, $2 now.
update botticelli.schedules s
set decided_until = coalesce(d.decided_until, s.decided_until), next_look = d.next_look, next_tick = d.next_tick,
    -- One that cannot be read at present keeps what waits.
    buffered_tick = case when d.decided_until is null then s.buffered_tick else d.buffered_tick end, ran_revision = coalesce(d.ran_revision, s.ran_revision), last_job = coalesce(d.last_job, s.last_job),
    problem = d.problem, last_tick = coalesce(d.last_tick, s.last_tick), last_outcome = coalesce(d.last_outcome, s.last_outcome),
    last_lateness = case when d.last_outcome = 'enqueued' then $2 - d.last_tick else s.last_lateness end,
    enqueued = s.enqueued + d.enqueued, skipped = s.skipped + d.skipped, missed = s.missed + d.missed
from jsonb_to_recordset($1) as d (
  name text, decided_until timestamptz, next_look timestamptz, next_tick timestamptz, buffered_tick timestamptz, ran_revision text,
  last_job bigint, last_tick timestamptz, last_outcome text, enqueued bigint, skipped bigint, missed bigint, problem text
)
where s.name = d.name
