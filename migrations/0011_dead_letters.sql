-- Jobs that were given up: looking at them, giving them another chance, throwing them away. A public contract, documented
-- in docs/sql.md. Owner: shared/queue.

-- A filter that is null lets everything pass. `botticelli.redrive_all` and `botticelli.purge_dead` take what this selects,
-- so what `botticelli.count_dead` counts is what they will find.
create function botticelli.select_dead(queue text, fingerprint text, state text, before timestamptz)
returns setof botticelli.dead_jobs language plpgsql stable as $$
#variable_conflict use_variable
begin
  if state is not null and state not in ('discarded', 'cancelled', 'expired') then
    raise exception 'unknown state "%" of a dead job', state
      using errcode = '22023', hint = 'Known states: discarded, cancelled, expired.';
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

-- How many dead jobs there are.
create function botticelli.count_dead(
  queue text default null, fingerprint text default null, state text default null, before timestamptz default null
) returns bigint language sql stable as $$
  select count(*) from botticelli.select_dead($1, $2, $3, $4)
$$;

-- Dead jobs, the last first.
create function botticelli.list_dead(
  queue text default null, state text default null, since timestamptz default null, at_most integer default 100
) returns setof botticelli.dead_jobs language sql stable as $$
  select dead.* from botticelli.select_dead($1, null, $2, null) as dead
  where $3 is null or dead.finished_at >= $3
  order by dead.finished_at desc, dead.id desc
  limit $4
$$;

-- Dead jobs by what they died of, the most frequent first.
create function botticelli.group_dead(
  queue text default null, state text default null, since timestamptz default null, at_most integer default 100
) returns table (
  fingerprint text, state text, jobs bigint, queues text[], first_at timestamptz, last_at timestamptz, sample_job bigint,
  sample_reason text
) language sql stable as $$
  select
    dead.fingerprint, dead.state, count(*), array_agg(distinct dead.queue), min(dead.finished_at), max(dead.finished_at), max(dead.id),
    (array_agg(dead.reason order by dead.id desc))[1]
  from botticelli.select_dead($1, null, $2, null) as dead
  where $3 is null or dead.finished_at >= $3
  group by dead.fingerprint, dead.state
  order by count(*) desc, max(dead.finished_at) desc
  limit $4
$$;

-- Lets those of the dead jobs wait again whose key is theirs to take, and gives their ids. A job keeps its id and its errors
-- and has all of its tries before it. It is due at once, without a `not_after`, which is past as likely as not. With a job
-- of a workflow come those that were cancelled because of it; one that waits for a job which stays dead stays dead too.
create function botticelli.revive_dead(ids bigint[]) returns setof bigint language plpgsql as $$
#variable_conflict use_column
declare
  flows bigint[] := array(select distinct dead.workflow from botticelli.dead_jobs dead where dead.id = any (ids) and dead.workflow is not null);
  able bigint[];
begin
  if flows <> '{}' then
    perform from botticelli.workflows flow where flow.id = any (flows) order by flow.id for update;
    ids := array(
      with recursive down as (
        select id from unnest(ids) as id
        union
        select j.job_id
        from down
          join botticelli.job_needs needs on needs.needed_id = down.id
          join botticelli.workflow_jobs j on j.job_id = needs.job_id and j.is_doomed
      )
      select id from down
    );
    -- Until none is left that waits for one which stays dead: each that stays may keep others.
    loop
      able := array(
        select dead.id from botticelli.dead_jobs dead
        where dead.id = any (ids) and not exists (
          select
          from botticelli.job_needs needs
            join botticelli.workflow_jobs needed on needed.job_id = needs.needed_id
            join botticelli.workflow_jobs j on j.job_id = needs.job_id
          where needs.job_id = dead.id and j.on_failure = 'cancel' and needed.outcome <> 'completed'
            and not needed.job_id = any (ids)
        )
      );
      exit when cardinality(able) = cardinality(ids);
      ids := able;
    end loop;
  end if;
  return query
  with chosen as materialized (
    -- Locked, so that of two that redrive the same job one finds nothing.
    select * from botticelli.dead_jobs where id = any (ids) order by id for update
  ),
  keyed as (
    insert into botticelli.job_keys as held (key, job_id, held_until)
    select firsts.unique_key, firsts.id, 'end'
    -- In the order of keys, as where jobs are enqueued.
    from (
      select distinct on (unique_key) unique_key, id from chosen where unique_key is not null order by unique_key, id
    ) as firsts
    order by firsts.unique_key
    -- Until its end, even if it was unique while it waited only: what was asked for then is not known any more, and this way
    -- no promise is broken.
    on conflict (key) do update set job_id = excluded.job_id, held_until = excluded.held_until
    where held.job_id = excluded.job_id or (held.held_until is null and coalesce(held.expires_at <= now(), true))
    returning held.key, held.job_id
  ),
  revived as materialized (
    select chosen.* from chosen
    where chosen.unique_key is null
       or exists (select from keyed where keyed.key = chosen.unique_key and keyed.job_id = chosen.id)
  ),
  -- One that came too late belongs to the life before.
  forgotten as (
    delete from botticelli.cancellations using revived where cancellations.job_id = revived.id
  ),
  buried_no_more as (
    delete from botticelli.dead_jobs using revived where dead_jobs.id = revived.id
  )
  insert into botticelli.waiting_jobs (
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
  returning id;
  if flows <> '{}' then
    perform botticelli.resume_workflow_jobs(array(select id from botticelli.waiting_jobs where id = any (ids)), flows);
  end if;
end
$$;

-- Lets a dead job wait again, as if it had never been tried, and gives its id.
create function botticelli.redrive(job bigint) returns bigint language plpgsql as $$
#variable_conflict use_variable
declare
  dead_key text;
  holder bigint;
  needed record;
begin
  perform botticelli.revive_dead(array[job]);
  if found then
    return job;
  end if;
  select dead.unique_key into dead_key from botticelli.dead_jobs dead where dead.id = job;
  if not found then
    raise exception 'job % is not among the dead ones', coalesce(job::text, 'NULL')
      using errcode = '22023', hint = 'botticelli.list_dead() lists them.';
  end if;
  select n.id, n.name, n.outcome into needed
  from botticelli.needs_of(job) n join botticelli.workflow_jobs j on j.job_id = job
  where n.outcome <> 'completed' and j.on_failure = 'cancel' limit 1;
  if found then
    raise exception 'job % waits for job % (%), which was %', job, needed.id, needed.name, needed.outcome
      using errcode = '22023', hint = 'Redrive that one, and this one comes with it.';
  end if;
  select held.job_id into holder from botticelli.job_keys held where held.key = dead_key;
  raise exception 'job % is unique, and job % has taken its place', job, coalesce(holder::text, 'another')
    using errcode = '22023', hint = 'Cancel that one, or wait for its end.';
end
$$;

-- Lets all those dead jobs wait again. `skipped` are those whose key another job holds; they stay where they are.
create function botticelli.redrive_all(
  queue text default null, fingerprint text default null, state text default null, before timestamptz default null,
  out redriven bigint, out skipped bigint
) language plpgsql as $$
declare
  chosen bigint[] := array(select dead.id from botticelli.select_dead($1, $2, $3, $4) as dead);
begin
  redriven := (select count(*) from botticelli.revive_dead(chosen));
  -- Counted, not subtracted: somebody else may have redriven or purged some meanwhile.
  skipped := (select count(*) from botticelli.dead_jobs dead where dead.id = any (chosen));
end
$$;

-- Deletes all those dead jobs for good, and gives their number.
create function botticelli.purge_dead(
  queue text default null, fingerprint text default null, state text default null, before timestamptz default null
) returns bigint language sql as $$
  with purged as (
    delete from botticelli.dead_jobs dead using botticelli.select_dead($1, $2, $3, $4) as chosen
    where dead.id = chosen.id returning dead.id
  )
  select count(*) from purged
$$;
