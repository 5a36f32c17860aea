-- Redriving jobs with what belongs to them, and none of it without the rest. A filter by a queue that there is not is refused.
-- Owner: shared/queue.

-- A filter that is null lets everything pass. `botticelli.redrive_all` and `botticelli.purge_dead` take what this selects,
-- so what `botticelli.count_dead` counts is what they will find.
create or replace function botticelli.select_dead(queue text, fingerprint text, state text, before timestamptz)
returns setof botticelli.dead_jobs language plpgsql stable as $$
#variable_conflict use_variable
begin
  if state is not null and state not in ('discarded', 'cancelled', 'expired') then
    raise exception 'unknown state "%" of a dead job', state
      using errcode = '22023', hint = 'Known states: discarded, cancelled, expired.';
  end if;
  if queue is not null and not exists (select from botticelli.queues q where q.name = queue) then
    raise exception 'unknown queue "%"', queue using errcode = '22023', hint = coalesce(
      (select 'Known queues: ' || string_agg(q.name, ', ' order by q.name) || '.' from botticelli.queues q),
      'No actor has registered yet: start a scheduler or a worker first.');
  end if;
  -- Written apart, so that each has a plan for the filters it has.
  if queue is not null and fingerprint is null then
    return query select * from botticelli.dead_jobs dead
    where dead.queue = queue and (state is null or dead.state = state) and (before is null or dead.finished_at < before);
  elsif fingerprint is not null then
    return query select * from botticelli.dead_jobs dead
    where dead.fingerprint = fingerprint and (queue is null or dead.queue = queue)
      and (state is null or dead.state = state) and (before is null or dead.finished_at < before);
  else
    return query select * from botticelli.dead_jobs dead
    where (state is null or dead.state = state) and (before is null or dead.finished_at < before);
  end if;
end
$$;

-- Lets those of the dead jobs wait again whose key is theirs to take, and gives their ids. A job keeps its id and its errors
-- and has all of its tries before it. It is due at once, without a `not_after`, which is past as likely as not.
--
-- With a job come those that were cancelled because of it, and those of the jobs that it asked for which are dead: it waits for
-- them again. None comes without the job that it comes with, and one that waits for a job which stays dead stays dead too.
create or replace function botticelli.revive_dead(ids bigint[]) returns setof bigint language plpgsql as $$
#variable_conflict use_variable
declare
  flows bigint[] := array(select distinct dead.workflow from botticelli.dead_jobs dead where dead.id = any (ids) and dead.workflow is not null);
  -- Those that were asked for and all that would come with them; then those of them that can come.
  chosen bigint[] := ids;
  keys text[];
  firsts bigint[];
  holders bigint[];
begin
  if flows <> '{}' then
    perform from botticelli.workflows flow where flow.id = any (flows) order by flow.id for update;
    chosen := array(
      with recursive reached as (
        select job.id from unnest(ids) as job (id)
        union
        select follower.id
        from reached
          cross join lateral (
            select j.job_id as id
            from botticelli.job_needs needs join botticelli.workflow_jobs j on j.job_id = needs.job_id and j.is_doomed
            where needs.needed_id = reached.id
            union all
            select j.job_id from botticelli.workflow_jobs j where j.parent_id = reached.id
          ) as follower
      )
      select reached.id from reached
    );
  end if;

  -- Locked, so that of two that redrive the same job one finds nothing.
  chosen := array(select dead.id from botticelli.dead_jobs dead where dead.id = any (chosen) order by dead.id for update);
  select array_agg(first.unique_key order by first.unique_key), array_agg(first.id order by first.unique_key) into keys, firsts
  from (
    select dead.unique_key, min(dead.id) as id
    from botticelli.dead_jobs dead where dead.id = any (chosen) and dead.unique_key is not null group by dead.unique_key
  ) as first;
  if keys <> '{}' then
    -- Until its end, even if it was unique while it waited only: what was asked for then is not known any more, and this way
    -- no promise is broken.
    holders := botticelli.take_keys(
      (select dead.queue from botticelli.dead_jobs dead where dead.id = firsts[1]), keys, firsts, 'end', null
    );
    firsts := array(select taken.first from unnest(firsts, holders) as taken (first, holder) where taken.first = taken.holder);
    chosen := array(
      select dead.id from botticelli.dead_jobs dead
      where dead.id = any (chosen) and (dead.unique_key is null or dead.id = any (firsts))
    );
  end if;

  if flows <> '{}' then
    -- Without those that wait for a job which stays dead, and what would come with them.
    chosen := array(
      with recursive staying as (
        select job.id
        from unnest(chosen) as job (id)
          join botticelli.workflow_jobs j on j.job_id = job.id
        where
          (
            j.on_failure = 'cancel' and exists (
              select
              from botticelli.job_needs needs join botticelli.workflow_jobs needed on needed.job_id = needs.needed_id
              where needs.job_id = job.id and needed.outcome <> 'completed' and not needed.job_id = any (chosen)
            )
          )
          or (j.parent_id is not null and not j.parent_id = any (chosen) and not job.id = any (ids) and not exists (
            select from botticelli.job_needs needs where needs.job_id = job.id and needs.needed_id = any (chosen)
          ))
        union
        select follower.id
        from staying
          cross join lateral (
            select j.job_id as id
            from botticelli.job_needs needs join botticelli.workflow_jobs j on j.job_id = needs.job_id and j.on_failure = 'cancel'
            where needs.needed_id = staying.id
            union all
            select j.job_id from botticelli.workflow_jobs j where j.parent_id = staying.id and not j.job_id = any (ids)
          ) as follower
      )
      select job.id from unnest(chosen) as job (id) left join staying on staying.id = job.id where staying.id is null
    );
    update botticelli.job_keys held set held_until = null
    where held.key = any (keys) and held.job_id = any (firsts) and not held.job_id = any (chosen);
  end if;
  update botticelli.job_keys held set held_until = 'end'
  where held.key = any (keys) and held.job_id = any (firsts) and held.job_id = any (chosen) and held.held_until is null;

  -- One that came too late belongs to the life before.
  delete from botticelli.cancellations where job_id = any (chosen);
  return query
  with revived as (
    delete from botticelli.dead_jobs dead where dead.id = any (chosen) returning dead.*
  )
  insert into botticelli.waiting_jobs as waiting (
    id, queue, kind, args, priority, rank, attempt, interruptions, max_attempts, enqueued_at, source, traceparent, errors,
    unique_key, limit_key, version, workflow
  )
  select
    revived.id, revived.queue, revived.kind, revived.args, revived.priority, now() - make_interval(mins => revived.priority),
    -- Attempts go on counting, for they tell the tries of a job apart; those behind it do not count against its maximum.
    revived.attempt, revived.attempt, revived.max_attempts, revived.enqueued_at, revived.source, revived.traceparent,
    nullif(revived.errors, '[]'), revived.unique_key, revived.limit_key, revived.version, revived.workflow
  from revived
  order by revived.id
  returning waiting.id;
  if flows <> '{}' then
    perform botticelli.resume_workflow_jobs(chosen, flows);
  end if;
end
$$;

-- Lets a dead job wait again, as if it had never been tried, and gives its id.
create or replace function botticelli.redrive(job bigint) returns bigint language plpgsql as $$
#variable_conflict use_variable
declare
  dead_key text;
  holder bigint;
  needed record;
begin
  if job in (select botticelli.revive_dead(array[job])) then
    return job;
  end if;
  select dead.unique_key into dead_key from botticelli.dead_jobs dead where dead.id = job;
  if not found then
    raise exception 'job % is not among the dead ones', coalesce(job::text, 'NULL')
      using errcode = '22023', hint = 'botticelli.list_dead() lists them.';
  end if;
  select held.job_id into holder from botticelli.job_keys held
  where held.key = dead_key and held.job_id <> job and (held.held_until is not null or held.expires_at > now());
  if found then
    raise exception 'job % is unique, and job % has taken its place', job, holder
      using errcode = '22023', hint = 'Cancel that one, or wait for its end.';
  end if;
  select n.id, n.name, n.outcome into needed
  from botticelli.needs_of(job) n join botticelli.workflow_jobs j on j.job_id = job
  where n.outcome <> 'completed' and j.on_failure = 'cancel' limit 1;
  if found then
    raise exception 'job % waits for job % (%), which was %', job, needed.id, needed.name, needed.outcome
      using errcode = '22023', hint = case
        when exists (select from botticelli.dead_jobs dead where dead.id = needed.id) then 'Redrive that one, and this one comes with it.'
        else 'That one has been purged, so this one can never run; enqueue both anew.'
      end;
  end if;
  raise exception 'job % could not be redriven: what stood in its way is gone', job
    using errcode = '22023', hint = 'Try again.';
end
$$;
