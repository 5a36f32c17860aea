-- $1 how far ahead in seconds. The last job may be due as far ahead, and must not keep the ticks until then from running.
with far as materialized (
  select name, buffered_tick from botticelli.schedules
  where decided_until > now() + make_interval(secs => $1) or (problem is not null and next_look > now() + make_interval(secs => $1))
  for update skip locked
),
returned as (
  update botticelli.schedules s
  set decided_until = least(s.decided_until, now()), buffered_tick = null, last_job = null, next_look = '-infinity'
  from far where s.name = far.name
  returning s.name, botticelli.skip_buffered(far.name, far.buffered_tick, 'it waited by a clock that was wrong')
)
select name from returned
