-- Schedules: what nobody can read is refused or kept apart, and no tick goes without a row. Owner: timetable.

-- Ticks up to here are not on record any more, so that nobody knows which of them ran.
alter table botticelli.schedules add forgotten_until timestamptz;

update botticelli.schedules s
set forgotten_until = coalesce((select min(tick_at) from botticelli.schedule_ticks tick where tick.actor = s.name and tick.revision = ''), now())
  - interval '1 microsecond';

-- The calendar of schedules: outside of it the driver cannot even read a time. What nobody could have run is disabled and put right, so
-- that the checks hold for every row.
update botticelli.schedules set starts_at = null where starts_at = '-infinity';
update botticelli.schedules set ends_at = null where ends_at = 'infinity';
update botticelli.schedules set starts_at = null, ends_at = null, enabled = false
where starts_at not between '1970-01-01 00:00+00' and '2101-01-01 00:00+00' or ends_at not between '1970-01-01 00:00+00' and '2101-01-01 00:00+00'
  or ends_at < starts_at;
update botticelli.schedules set windows = '{}', enabled = false
where array_ndims(windows) > 1 or array_position(windows, null) is not null;
update botticelli.schedules set blackouts = '{}', enabled = false
where array_ndims(blackouts) > 1 or array_position(blackouts, null) is not null;
update botticelli.schedules set schedule = 'manual', enabled = false where length(schedule) > 20000;
update botticelli.schedules set name = regexp_replace(name, '[[:cntrl:]]', ' ', 'g') where name ~ '[[:cntrl:]]';
update botticelli.schedules set revision = left(revision, 200) where length(revision) > 200;

alter table botticelli.schedules
  add constraint starts_at_is_from_1970_to_2100 check (starts_at between '1970-01-01 00:00+00' and '2101-01-01 00:00+00'),
  add constraint ends_at_is_from_1970_to_2100 check (ends_at between '1970-01-01 00:00+00' and '2101-01-01 00:00+00'),
  add constraint it_ends_after_it_starts check (ends_at >= starts_at),
  add constraint windows_is_a_list_of_texts check (coalesce(array_ndims(windows), 1) = 1 and array_position(windows, null) is null),
  add constraint blackouts_is_a_list_of_texts check (coalesce(array_ndims(blackouts), 1) = 1 and array_position(blackouts, null) is null),
  add constraint name_is_one_line check (name !~ '[[:cntrl:]]'),
  add constraint schedule_is_short check (length(schedule) <= 20000),
  add constraint revision_is_short check (length(revision) <= 200);

-- One whose times were changed is decided anew from then on: no tick that lies before counts. Those that were not decided yet leave a
-- row, and so does one that waited for a job.
create or replace function botticelli.look_at_changed_schedule() returns trigger language plpgsql as $$
begin
  if (new.schedule, new.timezone, new.starts_at, new.ends_at, new.enabled)
    is distinct from (old.schedule, old.timezone, old.starts_at, old.ends_at, old.enabled)
  then
    if old.enabled and old.next_tick <= clock_timestamp() and old.next_tick > old.decided_until then
      insert into botticelli.schedule_ticks (actor, tick_at, outcome, reason)
      values (old.name, old.next_tick, 'missed', 'the schedule was changed before this tick, and any after it, was decided')
      on conflict do nothing;
      new.missed := old.missed + 1;
    end if;
    perform botticelli.skip_buffered(old.name, old.buffered_tick, 'the schedule was changed while it waited for the last job');
    new.decided_until := null;
    new.buffered_tick := null;
  end if;
  new.next_look := '-infinity';
  new.problem := null;
  return new;
end
$$;

-- Ends the wait of a tick for a job.
create function botticelli.skip_buffered(schedule text, tick timestamptz, reason text) returns void language plpgsql as $$
#variable_conflict use_variable
begin
  update botticelli.schedule_ticks t set outcome = 'skipped', reason = reason, recorded_at = now()
  where t.actor = schedule and t.tick_at = tick and t.outcome = 'buffered';
end
$$;

create function botticelli.leave_schedule() returns trigger language plpgsql as $$
begin
  perform botticelli.skip_buffered(old.name, old.buffered_tick, 'the schedule was removed while it waited for the last job');
  return null;
end
$$;

create trigger leave_schedule after delete on botticelli.schedules
  for each row when (old.buffered_tick is not null) execute function botticelli.leave_schedule();

-- One that waits for the end of a pause is looked at then.
create or replace function botticelli.resume_schedule(schedule text) returns void language plpgsql as $$
#variable_conflict use_variable
begin
  update botticelli.schedules s
  set is_paused = false, pause_reason = null, paused_by = null, paused_at = null,
      next_look = case when s.buffered_tick is null then s.next_look else '-infinity' end
  where s.name = schedule;
  if not found then
    perform botticelli.refuse_unknown_schedule(schedule);
  end if;
end
$$;

create or replace view botticelli.schedule_status as
select
  name, queue, schedule, timezone, enabled, is_paused, pause_reason, paused_by, next_tick, last_tick, last_outcome, last_job,
  last_lateness, enqueued, skipped, missed, buffered_tick, problem,
  -- How long it has been due without being decided. One that is new or was changed has no time yet since when it is due.
  case when next_look <= now() and next_look > '-infinity' and decided_until is not null then now() - next_look end as overdue
from botticelli.schedules;

-- Why the queue would not take a job, with the way out; null when it would. A public contract, documented in docs/sql.md. Owner:
-- shared/queue.
create function botticelli.job_refusal(queue text, args jsonb) returns text language plpgsql stable as $$
#variable_conflict use_variable
declare
  way_out text;
begin
  perform botticelli.check_job(queue, now(), 0, null, null, null, 1);
  if args <> '{}' then
    perform botticelli.check_args(q.name, q.kind, args) from botticelli.queues q where q.name = queue;
  end if;
  return null;
exception when data_exception or integrity_constraint_violation or program_limit_exceeded then
  get stacked diagnostics way_out = pg_exception_hint;
  return sqlerrm || coalesce('; ' || nullif(way_out, ''), '');
end
$$;
