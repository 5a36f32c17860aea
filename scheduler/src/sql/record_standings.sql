-- $1 schedules, $2 decided until, $3 next look, $4 next tick, $5 buffered tick, $6 revision that ran, $7 last job, $8 problem,
-- $9 last tick, $10 its outcome, $11 enqueued, $12 skipped, $13 missed, $14 now.
update botticelli.schedules s
set decided_until = coalesce(d.decided_until, s.decided_until), next_look = d.next_look, next_tick = d.next_tick,
    buffered_tick = d.buffered_tick, ran_revision = coalesce(d.ran_revision, s.ran_revision), last_job = coalesce(d.last_job, s.last_job),
    problem = d.problem, last_tick = coalesce(d.last_tick, s.last_tick), last_outcome = coalesce(d.last_outcome, s.last_outcome),
    last_lateness = case when d.last_outcome = 'enqueued' and d.last_tick > 'epoch' then $14 - d.last_tick else s.last_lateness end,
    enqueued = s.enqueued + d.enqueued, skipped = s.skipped + d.skipped, missed = s.missed + d.missed
from unnest(
  $1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::bigint[], $8::text[],
  $9::timestamptz[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[]
) as d (
  name, decided_until, next_look, next_tick, buffered_tick, ran_revision, last_job, problem, last_tick, last_outcome, enqueued, skipped,
  missed
)
where s.name = d.name
