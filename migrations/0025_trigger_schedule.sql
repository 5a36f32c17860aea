-- Running a schedule's job now. A public contract, documented in docs/sql.md. Owner: timetable.

-- Enqueues the job of a schedule now, beside its ticks, and gives the job's id. Windows, blackouts, pauses and overlap are not asked.
create function botticelli.trigger_schedule(
  schedule text, triggered_by text default session_user, source text default 'sql', traceparent text default null
) returns bigint language plpgsql as $$
#variable_conflict use_variable
declare
  job_id bigint;
begin
  select botticelli.enqueue(s.queue, s.args, traceparent => traceparent, source => source) into job_id
  from botticelli.schedules s where s.name = schedule;
  if not found then
    perform botticelli.refuse_unknown_schedule(schedule);
  end if;
  -- Apart from the schedule's own ticks, which have no revision.
  insert into botticelli.schedule_ticks (actor, tick_at, revision, outcome, reason, job_id)
  values (schedule, clock_timestamp(), 'triggered', 'enqueued', 'triggered by ' || coalesce(nullif(triggered_by, ''), session_user), job_id)
  -- Another in the same microsecond has its row.
  on conflict on constraint one_job_per_tick do nothing;
  return job_id;
end
$$;
