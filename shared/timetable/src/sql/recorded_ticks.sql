-- $1 schedules, $2 now. Their ticks that are not decided by them, and on record all the same. Bounds on both sides, so that the index is
-- used however many ticks there are.
select tick.actor, tick.tick_at
from botticelli.schedules s
  join botticelli.schedule_ticks tick on tick.actor = s.name and tick.tick_at > s.decided_until and tick.tick_at <= $2
where s.name = any ($1) and tick.outcome <> 'buffered' and tick.revision = ''
union all
select tick.actor, tick.tick_at
from botticelli.schedules s
  join botticelli.schedule_ticks tick on tick.actor = s.name and tick.tick_at = 'epoch' and tick.revision = s.revision
where s.name = any ($1)
