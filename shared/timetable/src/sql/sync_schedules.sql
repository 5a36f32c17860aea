-- $1 what is configured, lengths of time in seconds.
insert into botticelli.schedules (
  name, queue, schedule, timezone, revision, enabled, is_configured, jitter, catch_up, catch_up_window, overlap, starts_at, ends_at, windows,
  blackouts, ran_revision, decided_until
)
select
  c.name, c.name, c.schedule, c.timezone, c.revision, c.enabled, true, make_interval(secs => c.jitter), c.catch_up,
  make_interval(secs => c.catch_up_window), c.overlap, c.starts_at, c.ends_at, c.windows, c.blackouts,
  -- What ran before there were rows for schedules.
  (select tick.revision from botticelli.schedule_ticks tick where tick.actor = c.name and tick.revision = c.revision),
  (select max(tick.tick_at) from botticelli.schedule_ticks tick where tick.actor = c.name and tick.revision = '')
from jsonb_to_recordset($1) as c (
  name text, schedule text, timezone text, revision text, enabled boolean, jitter float8, catch_up text, catch_up_window float8,
  overlap text, starts_at timestamptz, ends_at timestamptz, windows text[], blackouts text[]
)
order by c.name
on conflict (name) do update set
  queue = excluded.queue, schedule = excluded.schedule, timezone = excluded.timezone, revision = excluded.revision,
  enabled = excluded.enabled, is_configured = true, jitter = excluded.jitter, catch_up = excluded.catch_up,
  catch_up_window = excluded.catch_up_window, overlap = excluded.overlap, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
  windows = excluded.windows, blackouts = excluded.blackouts
where (
    schedules.queue, schedules.schedule, schedules.timezone, schedules.revision, schedules.enabled, schedules.is_configured,
    schedules.jitter, schedules.catch_up, schedules.catch_up_window, schedules.overlap, schedules.starts_at, schedules.ends_at,
    schedules.windows, schedules.blackouts
  ) is distinct from (
    excluded.queue, excluded.schedule, excluded.timezone, excluded.revision, excluded.enabled, true, excluded.jitter, excluded.catch_up,
    excluded.catch_up_window, excluded.overlap, excluded.starts_at, excluded.ends_at, excluded.windows, excluded.blackouts
  )
