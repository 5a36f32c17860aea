-- $1 actors, $2 schedules, $3 time zones, $4 revisions, $5 whether they are enabled.
insert into botticelli.schedules (name, queue, schedule, timezone, revision, enabled, is_configured, ran_revision, decided_until)
select
  c.name, c.name, c.schedule, c.timezone, c.revision, c.enabled, true,
  -- What ran before there were rows for schedules.
  (select tick.revision from botticelli.schedule_ticks tick where tick.actor = c.name and tick.revision = c.revision),
  (select max(tick.tick_at) from botticelli.schedule_ticks tick where tick.actor = c.name and tick.revision = '')
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[]) as c (name, schedule, timezone, revision, enabled)
order by c.name
on conflict (name) do update set
  queue = excluded.queue, schedule = excluded.schedule, timezone = excluded.timezone, revision = excluded.revision,
  enabled = excluded.enabled, is_configured = true
where (schedules.queue, schedules.schedule, schedules.timezone, schedules.revision, schedules.enabled, schedules.is_configured)
  is distinct from (excluded.queue, excluded.schedule, excluded.timezone, excluded.revision, excluded.enabled, true)
