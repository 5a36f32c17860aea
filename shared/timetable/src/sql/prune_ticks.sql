-- $1 age in seconds, $2 most rows. Gives how many were let go of.
with pruned as (
  delete from botticelli.schedule_ticks where ctid = any (array(
    select ctid from botticelli.schedule_ticks where recorded_at < now() - make_interval(secs => $1) limit $2 for update skip locked
  ))
  returning actor, coalesce(through, tick_at) as tick_at
),
last as (
  select actor, max(tick_at) as tick_at from pruned group by actor
),
-- In the order in which settings are brought in, so that the two do not wait for each other.
locked as materialized (
  select s.name from botticelli.schedules s where s.name in (select actor from last) order by s.name for update
),
forgotten as (
  update botticelli.schedules s set forgotten_until = greatest(s.forgotten_until, last.tick_at)
  from last join locked on locked.name = last.actor
  where s.name = last.actor and s.forgotten_until is distinct from greatest(s.forgotten_until, last.tick_at)
)
select count(*) from pruned
