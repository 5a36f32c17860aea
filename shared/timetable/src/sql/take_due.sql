-- $1 now, $2 most rows, $3 which one alone or null.
select
  name, queue, schedule, timezone, extract(epoch from jitter)::float8 as jitter, catch_up,
  extract(epoch from catch_up_window)::float8 as catch_up_window, overlap, starts_at, ends_at, windows, blackouts, revision,
  is_configured, enabled, is_paused, pause_reason, paused_by, decided_until, buffered_tick, ran_revision, last_job, problem, created_at,
  forgotten_until, next_look = '-infinity' as is_changed
from botticelli.schedules
where next_look <= $1 and ($3::text is null or name = $3)
order by next_look
limit $2
for update skip locked
