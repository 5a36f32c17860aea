-- Schedules as rows: whoever has one to look at locks it, decides its ticks and notes when it is to be looked at next. A public
-- contract, documented in docs/sql.md. Owner: scheduler.

create table botticelli.schedules (
  name text primary key,
  queue text not null,
  args jsonb not null default '{}',
  -- Its grammar is that of shared/schedule, which is why the checks are there.
  schedule text not null,
  timezone text not null default 'UTC',
  jitter interval not null default '0',
  catch_up text not null default 'latest',
  catch_up_window interval not null default '1 day',
  overlap text not null default 'skip',
  starts_at timestamptz,
  ends_at timestamptz,
  windows text[] not null default '{}',
  blackouts text[] not null default '{}',
  -- What `immediate` runs once for.
  revision text not null default '',
  -- Whether it is an actor's of the settings, which decide about it then.
  is_configured boolean not null default false,
  enabled boolean not null default true,
  is_paused boolean not null default false,
  pause_reason text,
  paused_by text,
  paused_at timestamptz,
  -- Every tick up to here is decided; null when it is new or was changed.
  decided_until timestamptz,
  -- When there is something to decide; null when there never will be.
  next_look timestamptz default '-infinity',
  next_tick timestamptz,
  -- A tick that waits for the end of `last_job`.
  buffered_tick timestamptz,
  ran_revision text,
  last_job bigint,
  last_tick timestamptz,
  last_outcome text,
  -- How long after the last tick its job was enqueued.
  last_lateness interval,
  enqueued bigint not null default 0,
  skipped bigint not null default 0,
  missed bigint not null default 0,
  -- Why it cannot be read; it has no ticks then.
  problem text,
  created_at timestamptz not null default now(),
  constraint name_is_short check (length(name) between 1 and 200),
  constraint args_are_an_object check (jsonb_typeof(args) = 'object'),
  constraint catch_up_is_known check (catch_up in ('none', 'latest', 'all')),
  constraint overlap_is_known check (overlap in ('skip', 'buffer_one', 'allow', 'cancel_other')),
  constraint jitter_is_sane check (jitter between interval '0' and interval '366 days'),
  constraint catch_up_window_is_sane check (catch_up_window between interval '0' and interval '3660 days')
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

create index schedules_due on botticelli.schedules (next_look) where next_look is not null;

-- One whose times were changed is decided anew from then on: no tick that lies before counts.
create function botticelli.look_at_changed_schedule() returns trigger language plpgsql as $$
begin
  if (new.schedule, new.timezone, new.starts_at, new.ends_at, new.enabled)
    is distinct from (old.schedule, old.timezone, old.starts_at, old.ends_at, old.enabled)
  then
    new.decided_until := null;
    new.buffered_tick := null;
  end if;
  new.next_look := '-infinity';
  new.problem := null;
  return new;
end
$$;

create trigger look_at_changed_schedule before update on botticelli.schedules
  for each row when (
    (new.schedule, new.timezone, new.jitter, new.catch_up, new.catch_up_window, new.overlap, new.starts_at, new.ends_at, new.windows,
      new.blackouts, new.revision, new.enabled, new.queue, new.args)
    is distinct from (old.schedule, old.timezone, old.jitter, old.catch_up, old.catch_up_window, old.overlap, old.starts_at, old.ends_at,
      old.windows, old.blackouts, old.revision, old.enabled, old.queue, old.args)
  )
  execute function botticelli.look_at_changed_schedule();

-- Ticks may be missed, or wait for a job; and a stretch of missed ones is one row.
alter table botticelli.schedule_ticks
  drop constraint outcome_is_known,
  drop constraint a_skip_has_a_reason,
  add through timestamptz,
  add ticks integer not null default 1,
  add constraint outcome_is_known check (outcome in ('enqueued', 'skipped', 'missed', 'buffered')),
  add constraint what_does_not_run_has_a_reason check (outcome not in ('skipped', 'missed') or reason is not null);

create index schedule_ticks_recorded on botticelli.schedule_ticks using brin (recorded_at);

-- Lets no tick of a schedule run until somebody resumes it; the ticks are skipped.
create function botticelli.pause_schedule(schedule text, reason text default null, paused_by text default session_user)
returns void language plpgsql as $$
#variable_conflict use_variable
begin
  update botticelli.schedules s
  set is_paused = true, pause_reason = reason, paused_by = coalesce(nullif(paused_by, ''), session_user), paused_at = now()
  where s.name = schedule;
  if not found then
    perform botticelli.refuse_unknown_schedule(schedule);
  end if;
end
$$;

create function botticelli.resume_schedule(schedule text) returns void language plpgsql as $$
#variable_conflict use_variable
begin
  update botticelli.schedules s set is_paused = false, pause_reason = null, paused_by = null, paused_at = null where s.name = schedule;
  if not found then
    perform botticelli.refuse_unknown_schedule(schedule);
  end if;
end
$$;

create function botticelli.refuse_unknown_schedule(schedule text) returns void language plpgsql as $$
begin
  raise exception 'unknown schedule "%"', schedule using errcode = '22023', hint = coalesce(
    (select 'Known schedules: ' || string_agg(name, ', ') || '.' from (select name from botticelli.schedules order by name limit 20) as known),
    'No scheduler has registered any yet.');
end
$$;

-- How schedules stand.
create view botticelli.schedule_status as
select
  name, queue, schedule, timezone, enabled, is_paused, pause_reason, paused_by, next_tick, last_tick, last_outcome, last_job,
  last_lateness, enqueued, skipped, missed, buffered_tick, problem,
  -- How long it has been due without being decided.
  case when next_look <= now() and decided_until is not null then now() - next_look end as overdue
from botticelli.schedules;
