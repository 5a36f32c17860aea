-- Jobs that wait for other jobs: workflows that are enqueued as a whole, and jobs that ask for others while they run and go
-- on when those have ended. A public contract, documented in docs/sql.md. Owner: shared/queue.
--
-- A job that waits for others stands in pending_jobs. Every end of a job of a workflow locks the workflow, so that of two
-- jobs that end at once one sees that it was the last. The order of locks is: jobs that wait, claims, workflows, and then what
-- only the holder of a workflow touches. A rescue of several claims may take workflows in another order than who ends jobs of
-- all of them; one of the two is given up by the server then and tried again.

create table botticelli.workflows (
  id bigint generated always as identity primary key,
  name text,
  created_at timestamptz not null default now(),
  -- When the last of its jobs ended; null as long as one has not.
  ended_at timestamptz
);

create index workflows_ended on botticelli.workflows (ended_at);

create table botticelli.workflow_jobs (
  job_id bigint primary key,
  workflow bigint not null references botticelli.workflows (id) on delete cascade,
  -- The job that asked for it while it ran, and waits for it.
  parent_id bigint,
  name text not null,
  -- What becomes of it when a job that it waits for is discarded, cancelled or expired: `cancel`, or `run` all the same.
  on_failure text not null default 'cancel',
  -- How it ended; null as long as it has not.
  outcome text,
  ended_at timestamptz,
  -- Whether it was cancelled because of a job that it waited for.
  is_doomed boolean not null default false,
  constraint on_failure_is_known check (on_failure in ('cancel', 'run')),
  constraint outcome_is_final check (outcome in ('completed', 'discarded', 'cancelled', 'expired'))
) with (fillfactor = 80);

create unique index workflow_jobs_name on botticelli.workflow_jobs (workflow, coalesce(parent_id, 0), name);
create index workflow_jobs_unfinished on botticelli.workflow_jobs (workflow) where outcome is null;
create index workflow_jobs_parent on botticelli.workflow_jobs (parent_id) where parent_id is not null;

-- `job_id` waits for `needed_id`.
create table botticelli.job_needs (
  needed_id bigint not null references botticelli.workflow_jobs (job_id) on delete cascade,
  job_id bigint not null references botticelli.workflow_jobs (job_id) on delete cascade,
  primary key (needed_id, job_id)
);

create index job_needs_job on botticelli.job_needs (job_id);

create index dead_jobs_workflow on botticelli.dead_jobs (workflow) where workflow is not null;

-- Ends pending jobs as `cancelled`, but for one, and gives them.
create function botticelli.bury_pending(ids bigint[], reason text, but bigint default null) returns setof bigint language plpgsql as $$
#variable_conflict use_variable
begin
  return query
  with taken as (
    delete from botticelli.pending_jobs pending where pending.id = any (ids) and pending.id is distinct from but returning *
  ),
  freed as (
    update botticelli.job_keys set held_until = null
    where key = any (array(
      select held.key
      from taken join botticelli.job_keys as held on held.key = taken.unique_key and held.job_id = taken.id
      -- In the order in which an enqueue takes them.
      order by held.key
      for update of held
    ))
  )
  insert into botticelli.dead_jobs (
    id, queue, kind, args, state, priority, run_at, attempt, interruptions, max_attempts, enqueued_at, source, traceparent,
    errors, reason, unique_key, limit_key, version, workflow
  )
  select
    taken.id, taken.queue, taken.kind, taken.args, 'cancelled', taken.priority, taken.run_at, taken.attempt, taken.interruptions,
    taken.max_attempts, taken.enqueued_at, taken.source, taken.traceparent, coalesce(taken.errors, '[]'), reason,
    taken.unique_key, taken.limit_key, taken.version, taken.workflow
  from taken
  returning id;
end
$$;

-- Notes that jobs of workflows have ended, lets those wait no longer for which they were the last to wait for, and cancels
-- those that do not run without them. Every end of a job of a workflow comes here.
create function botticelli.end_workflow_jobs(ended bigint[], outcome text) returns void language plpgsql as $$
#variable_conflict use_variable
declare
  flows bigint[];
  frontier bigint[];
  doomed bigint[];
  victim record;
begin
  flows := array(
    select flow.id from botticelli.workflows flow
    where flow.id = any (array(select j.workflow from botticelli.workflow_jobs j where j.job_id = any (ended)))
    order by flow.id for update
  );
  -- They are changed and not only locked, so that who has one snapshot for a whole transaction is given up by the server
  -- instead of going on with it.
  update botticelli.workflows flow set ended_at = null where flow.id = any (flows);
  with changed as (
    update botticelli.workflow_jobs j set outcome = outcome, ended_at = clock_timestamp()
    where j.job_id = any (ended) and j.outcome is null
    returning j.job_id
  )
  select array_agg(job_id) into frontier from changed;

  while cardinality(frontier) > 0 loop
    update botticelli.pending_jobs pending set needs_left = pending.needs_left - met.jobs
    from (
      select needs.job_id, count(*)::integer as jobs from botticelli.job_needs needs where needs.needed_id = any (frontier)
      group by needs.job_id
    ) as met
    where pending.id = met.job_id;

    doomed := '{}';
    for victim in
      select distinct on (needs.job_id) needs.job_id, needed.job_id as needed_id, needed.name, needed.outcome as needed_outcome
      from botticelli.job_needs needs
        join botticelli.workflow_jobs needed on needed.job_id = needs.needed_id
        join botticelli.workflow_jobs j on j.job_id = needs.job_id
      where needs.needed_id = any (frontier) and needed.outcome <> 'completed' and j.on_failure = 'cancel' and j.outcome is null
        and exists (select from botticelli.pending_jobs pending where pending.id = needs.job_id)
      order by needs.job_id, needed.job_id
    loop
      -- First, so that the trigger on dead_jobs finds it noted.
      update botticelli.workflow_jobs j set outcome = 'cancelled', ended_at = clock_timestamp(), is_doomed = true
      where j.job_id = victim.job_id;
      perform botticelli.bury_pending(
        array[victim.job_id],
        format('job %s (%s), which it waited for, was %s', victim.needed_id, victim.name, victim.needed_outcome)
      );
      doomed := doomed || victim.job_id;
    end loop;

    with ready as (
      delete from botticelli.pending_jobs pending
      where pending.needs_left <= 0 and pending.id = any (array(
        select needs.job_id from botticelli.job_needs needs where needs.needed_id = any (frontier)
      ))
      returning *
    )
    insert into botticelli.waiting_jobs (
      id, queue, kind, args, priority, run_at, rank, is_ready, attempt, interruptions, max_attempts, enqueued_at, source,
      traceparent, errors, not_after, unique_key, limit_key, version, workflow
    )
    select
      ready.id, ready.queue, ready.kind, ready.args, ready.priority, ready.run_at,
      ready.run_at - make_interval(mins => ready.priority), ready.run_at <= now(), ready.attempt, ready.interruptions,
      ready.max_attempts, ready.enqueued_at, ready.source, ready.traceparent, ready.errors, ready.not_after, ready.unique_key,
      ready.limit_key, ready.version, ready.workflow
    from ready;
    frontier := doomed;
  end loop;

  update botticelli.workflows flow set ended_at = clock_timestamp()
  where flow.id = any (flows)
    and not exists (select from botticelli.workflow_jobs j where j.workflow = flow.id and j.outcome is null);
end
$$;

-- Takes back the ends of jobs that wait again, of workflows that are locked. Those that wait for others of them are pending.
create function botticelli.resume_workflow_jobs(ids bigint[], flows bigint[]) returns void language plpgsql as $$
#variable_conflict use_variable
begin
  update botticelli.workflow_jobs j set outcome = null, ended_at = null, is_doomed = false where j.job_id = any (ids);
  -- Changed and not only locked, as where jobs end.
  update botticelli.workflows flow set ended_at = null where flow.id = any (flows);
  -- Their ends have been counted.
  update botticelli.pending_jobs pending set needs_left = pending.needs_left + again.jobs
  from (
    select needs.job_id, count(*)::integer as jobs from botticelli.job_needs needs where needs.needed_id = any (ids)
    group by needs.job_id
  ) as again
  where pending.id = again.job_id;
  with blocked as (
    select needs.job_id, count(*) as jobs
    from botticelli.job_needs needs join botticelli.workflow_jobs needed on needed.job_id = needs.needed_id
    where needs.job_id = any (ids) and needed.outcome is null
    group by needs.job_id
  ),
  moved as (
    delete from botticelli.waiting_jobs waiting using blocked where waiting.id = blocked.job_id returning waiting.*, blocked.jobs
  )
  insert into botticelli.pending_jobs (
    id, queue, kind, args, priority, run_at, attempt, interruptions, max_attempts, enqueued_at, source, traceparent, errors,
    unique_key, limit_key, version, workflow, needs_left
  )
  select
    moved.id, moved.queue, moved.kind, moved.args, moved.priority, moved.run_at, moved.attempt, moved.interruptions,
    moved.max_attempts, moved.enqueued_at, moved.source, moved.traceparent, moved.errors, moved.unique_key, moved.limit_key,
    moved.version, moved.workflow, moved.jobs
  from moved;
end
$$;

create function botticelli.end_dead_workflow_job() returns trigger language plpgsql as $$
begin
  perform botticelli.end_workflow_jobs(array[new.id], new.state);
  return null;
end
$$;

create trigger end_dead_workflow_job after insert on botticelli.dead_jobs
  for each row when (new.workflow is not null) execute function botticelli.end_dead_workflow_job();

-- Puts jobs into a workflow: those that need no other wait, the others are pending. `parent` is the job that asks for them.
create function botticelli.add_workflow_jobs(flow bigint, parent bigint, jobs jsonb, traceparent text, source text)
returns table (name text, id bigint) language plpgsql as $$
#variable_conflict use_variable
declare
  known constant text[] := array[
    'name', 'queue', 'args', 'needs', 'on_failure', 'run_at', 'priority', 'max_attempts', 'not_after', 'limit_key', 'version'
  ];
  job jsonb;
  place bigint;
  key text;
  unknown text;
  needed text;
  target botticelli.queues;
  given record;
  ids jsonb := '{}';
  needed_ids bigint[];
  -- Times are read once: two readings of `now` in words would be two times.
  due timestamptz;
begin
  if jobs is null or jsonb_typeof(jobs) <> 'array' or jsonb_array_length(jobs) not between 1 and 10000 then
    raise exception 'jobs of a workflow must be a JSON array of 1 to 10000 objects' using errcode = '22023';
  end if;
  for job, place in select * from jsonb_array_elements(jobs) with ordinality loop
    if jsonb_typeof(job) <> 'object' then
      raise exception 'job number % of the workflow must be an object, not %', place, job using errcode = '22023';
    end if;
    select k into unknown from jsonb_object_keys(job) as k where not k = any (known) limit 1;
    if found then
      raise exception 'unknown key "%" in job number % of the workflow', unknown, place
        using errcode = '22023', hint = format('Known keys: %s.', array_to_string(known, ', '));
    end if;
    foreach key in array array['name', 'queue', 'on_failure', 'run_at', 'not_after', 'limit_key'] loop
      if jsonb_typeof(job -> key) not in ('string', 'null') then
        raise exception '"%" of job number % of the workflow must be a string, not %', key, place, job -> key using errcode = '22023';
      end if;
    end loop;
    foreach key in array array['priority', 'max_attempts', 'version'] loop
      if jsonb_typeof(job -> key) <> 'null' and (job ->> key) !~ '^-?[0-9]{1,9}$' then
        raise exception '"%" of job number % of the workflow must be a whole number, not %', key, place, job -> key using errcode = '22023';
      end if;
    end loop;
    if coalesce(length(job ->> 'name'), 0) not between 1 and 200 then
      raise exception '"name" of job number % of the workflow must have from 1 to 200 characters', place using errcode = '22023';
    end if;
    if ids ? (job ->> 'name') then
      raise exception 'two jobs of the workflow are called "%"', job ->> 'name' using errcode = '22023';
    end if;
    if coalesce(job ->> 'on_failure', 'cancel') not in ('cancel', 'run') then
      raise exception '"on_failure" of job "%" must be "cancel" or "run", not "%"', job ->> 'name', job ->> 'on_failure' using errcode = '22023';
    end if;
    if jsonb_typeof(coalesce(job -> 'needs', '[]')) <> 'array' then
      raise exception '"needs" of job "%" must be an array of names, not %', job ->> 'name', job -> 'needs' using errcode = '22023';
    end if;
    begin
      due := coalesce((job ->> 'run_at')::timestamptz, now());
      select (job ->> 'not_after')::timestamptz as not_after, coalesce((job ->> 'priority')::integer, 0) as priority,
             (job ->> 'max_attempts')::integer as max_attempts, coalesce((job ->> 'version')::integer, 1) as version into given;
    exception when data_exception then
      raise exception 'job "%" of the workflow: %', job ->> 'name', sqlerrm using errcode = '22023';
    end;
    target := botticelli.check_job(
      job ->> 'queue', due, given.priority, given.max_attempts, traceparent, given.not_after, given.version
    );
    perform botticelli.check_args(target.name, target.kind, coalesce(job -> 'args', '{}'));
    if length(job ->> 'limit_key') not between 1 and 200 then
      raise exception 'limit_key of job "%" must have from 1 to 200 characters', job ->> 'name' using errcode = '22023';
    end if;

    needed_ids := '{}';
    for needed in select distinct * from jsonb_array_elements_text(coalesce(job -> 'needs', '[]')) loop
      if not ids ? needed then
        raise exception 'job "%" needs "%", which does not stand before it', job ->> 'name', needed
          using errcode = '22023', hint = 'Write a job after those that it needs.';
      end if;
      needed_ids := needed_ids || (ids ->> needed)::bigint;
    end loop;

    name := job ->> 'name';
    id := nextval(pg_get_serial_sequence('botticelli.waiting_jobs', 'id'));
    ids := ids || jsonb_build_object(name, id);
    insert into botticelli.workflow_jobs (job_id, workflow, parent_id, name, on_failure)
    values (id, flow, parent, name, coalesce(job ->> 'on_failure', 'cancel'));
    insert into botticelli.job_needs (needed_id, job_id) select n, id from unnest(needed_ids) as n;
    if needed_ids = '{}' then
      insert into botticelli.waiting_jobs (
        id, queue, kind, args, priority, run_at, rank, is_ready, max_attempts, source, traceparent, not_after, limit_key, version, workflow
      ) values (
        id, target.name, target.kind, coalesce(job -> 'args', '{}'), given.priority, due, due - make_interval(mins => given.priority),
        due <= now(), coalesce(given.max_attempts, target.max_attempts), source, traceparent, given.not_after,
        coalesce(job ->> 'limit_key', case when target.has_limited_keys then '' end), given.version, flow
      );
    else
      insert into botticelli.pending_jobs (
        id, queue, kind, args, priority, run_at, max_attempts, source, traceparent, not_after, limit_key, version, workflow, needs_left
      ) values (
        id, target.name, target.kind, coalesce(job -> 'args', '{}'), given.priority, due,
        coalesce(given.max_attempts, target.max_attempts), source, traceparent, given.not_after,
        coalesce(job ->> 'limit_key', case when target.has_limited_keys then '' end), given.version, flow, cardinality(needed_ids)
      );
    end if;
    return next;
  end loop;
end
$$;

-- Enqueues jobs of which some wait for others, in the caller's transaction, and gives the id of each by its name.
create function botticelli.enqueue_workflow(
  jobs jsonb, workflow_name text default null, traceparent text default null, source text default 'sql'
) returns table (workflow bigint, name text, id bigint) language plpgsql as $$
#variable_conflict use_variable
declare
  flow bigint;
begin
  insert into botticelli.workflows as w (name) values (workflow_name) returning w.id into flow;
  return query
  select flow, added.name, added.id from botticelli.add_workflow_jobs(flow, null, jobs, traceparent, source) as added;
end
$$;

-- Lets a running job wait for jobs that it asks for; it runs again, without having used a try, when they have ended. Gives a
-- row if the job was the worker's, with a reason if it was cancelled and does not wait.
create function botticelli.await_children(worker uuid, claim_id bigint, place bit varying, children jsonb, on_failure text, traceparent text)
returns table (reason text) language plpgsql as $$
#variable_conflict use_variable
declare
  ended record;
  job botticelli.claimed_job;
  asked bigint[];
begin
  select * into ended from botticelli.end_jobs(worker, array[claim_id], array[place], 'awaiting');
  if not found then
    return;
  end if;
  select cancelled.reason into reason
  from botticelli.bury_cancelled(ended.queue, ended.claimed_at, ended.jobs, ended.places) as cancelled;
  if found then
    return next;
    return;
  end if;
  job := ended.jobs[position(B'1' in place)];
  if job.workflow is null then
    insert into botticelli.workflows as w (name) values (ended.queue || ' ' || job.id) returning w.id into job.workflow;
    insert into botticelli.workflow_jobs (job_id, workflow, name, on_failure) values (job.id, job.workflow, ended.queue, on_failure);
  else
    -- What it waited for before is over.
    update botticelli.workflow_jobs j set on_failure = on_failure where j.job_id = job.id;
  end if;
  -- They are as urgent as the job, and limited by the same, unless they say otherwise.
  children := (
    select jsonb_agg(jsonb_build_object('priority', job.priority, 'limit_key', job.limit_key) || child order by place)
    from jsonb_array_elements(children) with ordinality as given (child, place)
  );
  asked := array(select added.id from botticelli.add_workflow_jobs(job.workflow, job.id, children, traceparent, 'workflow') as added);
  insert into botticelli.job_needs (needed_id, job_id) select child, job.id from unnest(asked) as child;
  insert into botticelli.pending_jobs (
    id, queue, kind, args, priority, run_at, attempt, interruptions, max_attempts, enqueued_at, source, traceparent, errors,
    not_after, unique_key, limit_key, version, workflow, needs_left
  ) values (
    job.id, ended.queue, job.kind, job.args, job.priority, job.run_at, job.attempt, job.interruptions + 1, job.max_attempts,
    job.enqueued_at, job.source, job.traceparent, job.errors,
    -- It has been started in time.
    null, job.unique_key, job.limit_key, job.version, job.workflow, cardinality(asked)
  );
  return next;
end
$$;

-- The jobs that a job waits for, or waited for, in the order in which they were asked for, and what came of them.
create function botticelli.needs_of(job bigint)
returns table (id bigint, name text, is_child boolean, outcome text, result jsonb, reason text) language sql stable as $$
  select needed.job_id, needed.name, needed.parent_id is not distinct from $1, needed.outcome, report.result, dead.reason
  from botticelli.job_needs needs
    join botticelli.workflow_jobs needed on needed.job_id = needs.needed_id
    left join botticelli.job_reports report on report.job_id = needed.job_id
    left join botticelli.dead_jobs dead on dead.id = needed.job_id
  where needs.job_id = $1
  order by needed.job_id
$$;

-- Cancels all jobs of a workflow that have not ended, and gives their number.
create function botticelli.cancel_workflow(workflow bigint, reason text default null, cancelled_by text default session_user)
returns bigint language plpgsql as $$
#variable_conflict use_variable
declare
  done record;
begin
  if not exists (select from botticelli.workflows flow where flow.id = workflow) then
    raise exception 'unknown workflow %', coalesce(workflow::text, 'NULL')
      using errcode = '22023', hint = 'enqueue_workflow gives a workflow''s id; botticelli.workflows lists them.';
  end if;
  select * into done from botticelli.cancel_jobs(null, workflow, reason, coalesce(nullif(cancelled_by, ''), session_user));
  return cardinality(done.ended) + cardinality(done.told);
end
$$;
