-- Cancelling a job that waits or runs: a public contract, documented in docs/sql.md. Owner: shared/queue.

-- Running jobs that somebody wants to end. A row goes when its job's try ends in whatever way but completion or discard;
-- those two come first at times and leave it to `prune`.
create table botticelli.cancellations (
  job_id bigint primary key,
  reason text,
  cancelled_by text not null,
  requested_at timestamptz not null default now()
);

-- What a dead job gives as its reason.
create function botticelli.cancellation_reason(cancelled_by text, reason text) returns text language sql immutable as $$
  select 'cancelled by ' || cancelled_by || coalesce(': ' || nullif(reason, ''), '')
$$;

-- The jobs that have not ended and are to be cancelled together: all of a workflow, or one job with those that it asked for.
create function botticelli.jobs_to_cancel(root bigint, flow bigint) returns bigint[] language plpgsql as $$
begin
  return array(
    with recursive tree as (
      select root as job_id where root is not null
      union
      select child.job_id
      from tree join botticelli.workflow_jobs child on child.parent_id = tree.job_id and child.outcome is null
    )
    select job_id from tree
    union
    select j.job_id from botticelli.workflow_jobs j where j.workflow = flow and j.outcome is null
    order by 1
  );
end
$$;

-- Cancels those jobs: `ended` are those that waited and have ended, `told` those that run and whose workers are told.
--
-- What waits is taken out and what runs is locked before the workflow is, as by those who end jobs: whoever holds a workflow
-- waits for nobody. What has gone from one place to another meanwhile is looked for again without holding it.
create function botticelli.cancel_jobs(
  root bigint, flow bigint, reason text, by_whom text, out ended bigint[], out told bigint[]
) language plpgsql as $$
#variable_conflict use_variable
declare
  chosen bigint[];
  taken botticelli.waiting_jobs[] := '{}';
  gone botticelli.waiting_jobs[];
  held bigint[];
  running bigint[];
  with_root constant text := format('job %s, which asked for it, was cancelled', root);
begin
  told := '{}';
  loop
    chosen := botticelli.jobs_to_cancel(root, flow);
    -- A claim that has one in hand is waited for; then it is not there any more and is found among the claims.
    with deleted as (
      delete from botticelli.waiting_jobs waiting where waiting.id = any (chosen) returning waiting as job
    )
    select array_agg(deleted.job) into gone from deleted;
    taken := taken || coalesce(gone, '{}');

    held := array(
      select distinct claim.id from botticelli.claims claim, unnest(claim.jobs) with ordinality as job
      where job.id = any (chosen) and get_bit(claim.open, job.ordinality::integer - 1) = 1
    );
    if held <> '{}' then
      -- The claims stay locked until this transaction ends: whoever puts the jobs back then sees the rows. They are changed
      -- and not only locked, so that who has one snapshot for a whole transaction is given up by the server instead of going
      -- on with it.
      perform from botticelli.claims claim where claim.id = any (held) order by claim.id for update;
      update botticelli.claims claim set has_keys = claim.has_keys where claim.id = any (held);
      running := array(
        select job.id from botticelli.claims claim, unnest(claim.jobs) with ordinality as job
        where claim.id = any (held) and job.id = any (chosen) and not job.id = any (told)
          and get_bit(claim.open, job.ordinality::integer - 1) = 1
      );
      insert into botticelli.cancellations (job_id, reason, cancelled_by)
      select job, case when job = root or flow is not null then reason else with_root end, by_whom from unnest(running) as job
      on conflict do nothing;
      perform pg_notify('botticelli_cancel', job::text) from unnest(running) as job;
      told := told || running;
    end if;

    begin
      perform from botticelli.workflows w
      where w.id = any (array(select j.workflow from botticelli.workflow_jobs j where j.job_id = any (chosen)))
      order by w.id for update;
      if chosen <> botticelli.jobs_to_cancel(root, flow)
        or exists (select from botticelli.waiting_jobs waiting where waiting.id = any (chosen))
        or exists (
          select from botticelli.claims claim, unnest(claim.jobs) with ordinality as job
          where job.id = any (chosen) and not job.id = any (told) and get_bit(claim.open, job.ordinality::integer - 1) = 1
        )
      then
        raise exception using errcode = 'triggered_action_exception';
      end if;
      -- Those first that wait for others, so that none is cancelled for want of another.
      ended := array(
        select botticelli.bury_pending(
          chosen, botticelli.cancellation_reason(by_whom, case when flow is not null then reason else with_root end), root
        )
      ) || array(select botticelli.bury_pending(array[root], botticelli.cancellation_reason(by_whom, reason)));
      update botticelli.job_keys set held_until = null
      where key = any (array(
        select key.key from unnest(taken) as job join botticelli.job_keys key on key.key = job.unique_key and key.job_id = job.id
        -- In the order in which an enqueue takes them.
        order by key.key
        for update of key
      ));
      insert into botticelli.dead_jobs (
        id, queue, kind, args, state, priority, run_at, attempt, interruptions, max_attempts, enqueued_at, source, traceparent,
        errors, reason, unique_key, limit_key, version, workflow
      )
      select
        job.id, job.queue, job.kind, job.args, 'cancelled', job.priority, job.run_at, job.attempt, job.interruptions,
        job.max_attempts, job.enqueued_at, job.source, job.traceparent, coalesce(job.errors, '[]'),
        botticelli.cancellation_reason(by_whom, case when job.id = root or flow is not null then reason else with_root end),
        job.unique_key, job.limit_key, job.version, job.workflow
      from unnest(taken) as job;
      ended := ended || array(select job.id from unnest(taken) as job);
      return;
    exception when triggered_action_exception then null;
    end;
  end loop;
end
$$;

-- Ends a job that waits at once (`cancelled`), and has one that runs ended by its worker (`cancelling`). A running job that
-- completes or is discarded before its worker hears of this stays completed or discarded; it never waits again. Jobs that
-- the job waits for because it asked for them itself end with it.
create function botticelli.cancel(job bigint, reason text default null, cancelled_by text default session_user)
returns text language plpgsql as $$
#variable_conflict use_variable
declare
  done record;
  dead_state text;
begin
  select * into done from botticelli.cancel_jobs(job, null, reason, coalesce(nullif(cancelled_by, ''), session_user));
  if job = any (done.ended) then
    return 'cancelled';
  elsif job = any (done.told) then
    return 'cancelling';
  end if;
  select state into dead_state from botticelli.dead_jobs dead where dead.id = job;
  if dead_state = 'cancelled' then
    return dead_state;
  elsif dead_state is not null or job between 1 and (select last_value from botticelli.waiting_jobs_id_seq) then
    raise exception 'job % has ended%', job, coalesce(' (' || dead_state || ')', '')
      using errcode = '22023', hint = 'Only a job that waits or runs can be cancelled.';
  end if;
  raise exception 'unknown job %', coalesce(job::text, 'NULL')
    using errcode = '22023', hint = 'enqueue gives a job''s id; botticelli.jobs lists those that wait or run.';
end
$$;

-- Buries those jobs at `ended_places` whose cancellation was asked for, and gives them. To be called when `end_jobs` has
-- ended them, and instead of letting them wait again. `error` is what the try failed with, if it did.
--
-- It looks by a snapshot of its own, taken when the claim is locked. The caller's statement may have begun before that
-- and waited for a `cancel`, whose row it cannot see.
create function botticelli.bury_cancelled(
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
    -- The order in which workflows are locked.
    order by ended.workflow
  ),
  freed as (
    update botticelli.job_keys set held_until = null
    from ended join asked on asked.job_id = ended.id
    where job_keys.key = ended.unique_key and job_keys.job_id = ended.id
  )
  select asked.job_id, asked.reason from asked;
end
$$;
