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

-- Ends one job that waits at once (`cancelled`), and has one that runs ended by its worker (`cancelling`). Null when it
-- neither waits nor runs.
create function botticelli.cancel_one(job bigint, reason text, by_whom text) returns text language plpgsql as $$
#variable_conflict use_variable
declare
  part_of bigint;
begin
  loop
    -- A claim that has it in hand is waited for; then it is not there any more and is found below.
    with taken as (
      delete from botticelli.waiting_jobs waiting where waiting.id = job returning *
    ),
    freed as (
      update botticelli.job_keys held set held_until = null
      from taken where held.key = taken.unique_key and held.job_id = taken.id
    )
    insert into botticelli.dead_jobs (
      id, queue, kind, args, state, priority, run_at, attempt, interruptions, max_attempts, enqueued_at, source, traceparent,
      errors, reason, unique_key, limit_key, version, workflow
    )
    select
      taken.id, taken.queue, taken.kind, taken.args, 'cancelled', taken.priority, taken.run_at, taken.attempt, taken.interruptions,
      taken.max_attempts, taken.enqueued_at, taken.source, taken.traceparent, coalesce(taken.errors, '[]'),
      botticelli.cancellation_reason(by_whom, reason), taken.unique_key, taken.limit_key, taken.version, taken.workflow
    from taken;
    if found then
      return 'cancelled';
    end if;

    -- The claim stays locked until this transaction ends: whoever puts the job back then sees the row. It is changed and not
    -- only locked, so that who has one snapshot for a whole transaction is given up by the server instead of going on with it.
    update botticelli.claims claim set has_keys = claim.has_keys
    where claim.first_job <= job and claim.last_job >= job and exists (
      select from unnest(claim.jobs) with ordinality as held
      where held.id = job and get_bit(claim.open, held.ordinality::integer - 1) = 1
    );
    if found then
      insert into botticelli.cancellations (job_id, reason, cancelled_by) values (job, reason, by_whom) on conflict do nothing;
      perform pg_notify('botticelli_cancel', job::text);
      return 'cancelling';
    end if;

    select pending.workflow into part_of from botticelli.pending_jobs pending where pending.id = job;
    if found then
      begin
        -- Whoever lets a job wait no longer holds the workflow, and locks its jobs only then.
        perform from botticelli.workflows flow where flow.id = part_of for update;
        perform botticelli.bury_pending(array[job], botticelli.cancellation_reason(by_whom, reason));
        if found then
          return 'cancelled';
        end if;
        -- It waits by now. The workflow is let go of before the job is looked for: who ends a job locks them the other way round.
        raise exception using errcode = 'triggered_action_exception';
      exception when triggered_action_exception then null;
      end;
    end if;

    -- It may have gone from where it runs to where it waits between two looks. One statement sees all at once.
    exit when not exists (select from botticelli.jobs where id = job);
  end loop;
  return null;
end
$$;

-- Ends a job that waits at once (`cancelled`), and has one that runs ended by its worker (`cancelling`). A running job that
-- completes or is discarded before its worker hears of this stays completed or discarded; it never waits again. Jobs that
-- the job waits for because it asked for them itself end with it.
create function botticelli.cancel(job bigint, reason text default null, cancelled_by text default session_user)
returns text language plpgsql as $$
#variable_conflict use_variable
declare
  by_whom text := coalesce(nullif(cancelled_by, ''), session_user);
  answer text;
  dead_state text;
  child bigint;
begin
  for child in
    with recursive children as (
      select c.job_id from botticelli.workflow_jobs c where c.parent_id = job and c.outcome is null
      union all
      select c.job_id from children join botticelli.workflow_jobs c on c.parent_id = children.job_id and c.outcome is null
    )
    select children.job_id from children left join botticelli.jobs on jobs.id = children.job_id
    -- Running ones first: their claims are locked before the workflow is, as by those who end them.
    order by jobs.state is distinct from 'running', children.job_id
  loop
    perform botticelli.cancel_one(child, format('job %s, which asked for it, was cancelled', job), by_whom);
  end loop;

  answer := botticelli.cancel_one(job, reason, by_whom);
  if answer is not null then
    return answer;
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
