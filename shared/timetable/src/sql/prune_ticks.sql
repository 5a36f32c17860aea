-- $1 age in seconds, $2 most rows. Gives how many were let go of.
with old as materialized (
  select ctid, actor, coalesce(through, tick_at) as tick_at
  from botticelli.schedule_ticks where recorded_at < now() - make_interval(secs => $1) limit $2
),
-- First, and without waiting: whoever decides or backfills holds the schedule and then its ticks. What is held goes the next time.
held as materialized (
  select s.name from botticelli.schedules s where s.name in (select actor from old) for update skip locked
),
pruned as (
  delete from botticelli.schedule_ticks where ctid = any (array(
    select old.ctid from old
    where old.actor in (select name from held) or not exists (select from botticelli.schedules s where s.name = old.actor)
  ))
  returning actor, coalesce(through, tick_at) as tick_at
),
forgotten as (
  update botticelli.schedules s set forgotten_until = greatest(s.forgotten_until, last.tick_at)
  from (select actor, max(tick_at) as tick_at from pruned group by actor) as last
  where s.name = last.actor and s.forgotten_until is distinct from greatest(s.forgotten_until, last.tick_at)
)
select count(*) from pruned
