-- $1 actors, $2 schedules, $3 time zones, $4 revisions, $5 whether they are enabled, $6 jitters in seconds, $7 what is caught up,
-- $8 for how many seconds, $9 what becomes of overlaps, $10 windows, $11 blackouts.
insert into botticelli.schedules (
  name, queue, schedule, timezone, revision, enabled, is_configured, jitter, catch_up, catch_up_window, overlap, windows, blackouts,
  ran_revision, decided_until
)
select
  c.name, c.name, c.schedule, c.timezone, c.revision, c.enabled, true, make_interval(secs => c.jitter), c.catch_up,
  make_interval(secs => c.catch_up_window), c.overlap, array(select jsonb_array_elements_text(c.windows)),
  array(select jsonb_array_elements_text(c.blackouts)),
  -- What ran before there were rows for schedules.
  (select tick.revision from botticelli.schedule_ticks tick where tick.actor = c.name and tick.revision = c.revision),
  (select max(tick.tick_at) from botticelli.schedule_ticks tick where tick.actor = c.name and tick.revision = '')
from unnest(
  $1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::float8[], $7::text[], $8::float8[], $9::text[], $10::jsonb[],
  $11::jsonb[]
) as c (name, schedule, timezone, revision, enabled, jitter, catch_up, catch_up_window, overlap, windows, blackouts)
order by c.name
on conflict (name) do update set
  queue = excluded.queue, schedule = excluded.schedule, timezone = excluded.timezone, revision = excluded.revision,
  enabled = excluded.enabled, is_configured = true, jitter = excluded.jitter, catch_up = excluded.catch_up,
  catch_up_window = excluded.catch_up_window, overlap = excluded.overlap, windows = excluded.windows, blackouts = excluded.blackouts
where (
    schedules.queue, schedules.schedule, schedules.timezone, schedules.revision, schedules.enabled, schedules.is_configured,
    schedules.jitter, schedules.catch_up, schedules.catch_up_window, schedules.overlap, schedules.windows, schedules.blackouts
  ) is distinct from (
    excluded.queue, excluded.schedule, excluded.timezone, excluded.revision, excluded.enabled, true,
    excluded.jitter, excluded.catch_up, excluded.catch_up_window, excluded.overlap, excluded.windows, excluded.blackouts
  )
