-- $1 which one.
select
  name, queue, schedule, timezone, extract(epoch from jitter)::float8 as jitter, catch_up,
  extract(epoch from catch_up_window)::float8 as catch_up_window, overlap, starts_at, ends_at, windows, blackouts, revision,
  is_configured, enabled, is_paused, pause_reason, paused_by, decided_until, buffered_tick, ran_revision, last_job, problem, created_at,
  forgotten_until, coalesce(next_look = '-infinity', false) as is_changed
from botticelli.schedules
where name = $1
