-- Jobs of workflows that are given up together are looked at together: one by one, the end of 10,000 took as many looks at all of them.
-- What is wrong with a job of a workflow is told with its name. And what went wrong where jobs asked for others without a key, or
-- twice for the same. Owner: shared/queue.

drop trigger end_dead_workflow_job on botticelli.dead_jobs;
drop function botticelli.end_dead_workflow_job();

create function botticelli.end_dead_workflow_jobs() returns trigger language plpgsql as $$
declare
  ended record;
begin
  for ended in
    select state, array_agg(id) as ids from buried where workflow is not null group by state order by state
  loop
    perform botticelli.end_workflow_jobs(ended.ids, ended.state);
  end loop;
  return null;
end
$$;

create trigger end_dead_workflow_jobs after insert on botticelli.dead_jobs
  referencing new table as buried for each statement execute function botticelli.end_dead_workflow_jobs();

-- Puts jobs into a workflow: those that need no other wait, the others are pending. `parent` is the job that asks for them.
create or replace function botticelli.add_workflow_jobs(flow bigint, parent bigint, jobs jsonb, traceparent text, source text)
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
  way_out text;
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
      if jsonb_typeof(job -> key) <> 'null' and (jsonb_typeof(job -> key) <> 'number' or (job ->> key) !~ '^-?[0-9]{1,9}$') then
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
    if coalesce(job ->> 'queue', '') = '' then
      raise exception '"queue" of job "%" is missing', job ->> 'name' using errcode = '22023';
    end if;
    begin
      due := coalesce((job ->> 'run_at')::timestamptz, now());
      select (job ->> 'not_after')::timestamptz as not_after, coalesce((job ->> 'priority')::integer, 0) as priority,
             (job ->> 'max_attempts')::integer as max_attempts, coalesce((job ->> 'version')::integer, 1) as version into given;
      target := botticelli.check_job(
        job ->> 'queue', due, given.priority, given.max_attempts, traceparent, given.not_after, given.version
      );
      perform botticelli.check_args(target.name, target.kind, coalesce(job -> 'args', '{}'));
    exception when data_exception or program_limit_exceeded then
      get stacked diagnostics way_out = pg_exception_hint;
      if way_out = '' then
        raise exception 'job "%" of the workflow: %', job ->> 'name', sqlerrm using errcode = sqlstate;
      end if;
      raise exception 'job "%" of the workflow: %', job ->> 'name', sqlerrm using errcode = sqlstate, hint = way_out;
    end;
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

-- Lets a running job wait for jobs that it asks for; it runs again, without having used a try, when they have ended. Gives a
-- row if the job was the worker's, with a reason if it was cancelled and does not wait.
create or replace function botticelli.await_children(worker uuid, claim_id bigint, place bit varying, children jsonb, on_failure text, traceparent text)
returns table (reason text) language plpgsql as $$
#variable_conflict use_variable
declare
  ended record;
  job botticelli.claimed_job;
  asked bigint[];
  taken text;
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
  select j.name into taken
  from jsonb_array_elements(children) as child join botticelli.workflow_jobs j on j.parent_id = job.id and j.name = child ->> 'name'
  limit 1;
  if found then
    raise exception 'job % has asked for a job called "%" before', job.id, taken
      using errcode = '22023', hint = 'Give each job that it asks for a name of its own.';
  end if;
  -- They are as urgent as the job, and limited by the same, unless they say otherwise. An empty key is none.
  children := (
    select jsonb_agg(
      jsonb_build_object('priority', job.priority, 'limit_key', nullif(job.limit_key, '')) || child order by place
    )
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

-- Buries those jobs at `ended_places` whose cancellation was asked for, and gives them. To be called when `end_jobs` has
-- ended them, and instead of letting them wait again. `error` is what the try failed with, if it did.
--
-- It looks by a snapshot of its own, taken when the claim is locked. The caller's statement may have begun before that
-- and waited for a `cancel`, whose row it cannot see.
create or replace function botticelli.bury_cancelled(
  of_queue text,
  began_at timestamptz,
  ended_jobs botticelli.claimed_job[],
  ended_places bit varying,
  error text default null
) returns table (id bigint, reason text) language plpgsql as $$
#variable_conflict use_column
begin
  -- Nearly always. Jobs are only taken apart for what is there.
  if not exists (select from botticelli.cancellations) then
    return;
  end if;
  return query
  with ended as materialized (
    select job.* from unnest(ended_jobs) with ordinality as job where get_bit(ended_places, job.ordinality::integer - 1) = 1
  ),
  asked as (
    delete from botticelli.cancellations using ended where job_id = ended.id
    returning job_id, botticelli.cancellation_reason(cancelled_by, cancellations.reason) as reason
  ),
  buried as (
    insert into botticelli.dead_jobs (
      id, queue, kind, args, state, priority, run_at, attempt, interruptions, max_attempts, enqueued_at, attempted_at, source,
      traceparent, errors, reason, unique_key, limit_key, version, workflow
    )
    select
      ended.id, of_queue, ended.kind, ended.args, 'cancelled', ended.priority, ended.run_at, ended.attempt, ended.interruptions,
      ended.max_attempts, ended.enqueued_at, began_at, ended.source, ended.traceparent,
      coalesce(ended.errors, '[]') || case
        when error is null then '[]'
        else jsonb_build_array(jsonb_build_object('attempt', ended.attempt, 'at', now(), 'error', error))
      end,
      asked.reason, ended.unique_key, ended.limit_key, ended.version, ended.workflow
    from ended join asked on asked.job_id = ended.id
  ),
  freed as (
    update botticelli.job_keys set held_until = null
    where key = any (array(
      select held.key
      from ended
        join asked on asked.job_id = ended.id
        join botticelli.job_keys as held on held.key = ended.unique_key and held.job_id = ended.id and held.held_until is not null
      -- In the order in which an enqueue takes them.
      order by held.key
      for update of held
    ))
  )
  select asked.job_id, asked.reason from asked;
end
$$;
