-- While everything is paused, nothing runs: no actor is resumed by itself, and neither does one that registers start, nor a
-- queue without an actor. Owner: shared/actors.

create function botticelli.refuse_while_everything_is_paused(name text) returns void language plpgsql as $$
declare
  pause botticelli.fleet_pause;
begin
  select * into pause from botticelli.fleet_pause;
  if found then
    raise exception '"%" cannot run: everything was paused by %', name, pause.paused_by
      using errcode = '55000', hint = 'End that first, by botticelli.resume_all() or `botticelli resume --all`.';
  end if;
end
$$;

-- However it is asked for, by `resume` or by an update of the row. `resume_all` has ended the pause of everything before it
-- comes here.
create function botticelli.keep_paused() returns trigger language plpgsql as $$
begin
  perform botticelli.refuse_while_everything_is_paused(new.task_id);
  return new;
end
$$;

create trigger keep_paused before update of is_paused on botticelli.actor_server_state
  for each row when (old.is_paused and not new.is_paused) execute function botticelli.keep_paused();

-- Whoever pauses everything holds this table: what is read from here on is what has come of that.
create function botticelli.await_pause_of_everything() returns void language plpgsql as $$
begin
  lock table botticelli.actor_server_state in row share mode;
end
$$;

create function botticelli.pause_new_queue() returns trigger language plpgsql as $$
begin
  perform botticelli.await_pause_of_everything();
  update botticelli.fleet_pause set queues = queues || new.name;
  if found then
    update botticelli.queues set is_paused = true where name = new.name;
  end if;
  return null;
end
$$;

create trigger pause_new_queue after insert on botticelli.queues
  for each row when (not new.is_paused) execute function botticelli.pause_new_queue();

-- Lets nothing start in the whole fleet until `resume_all`. What is paused already stays so after that.
create or replace function botticelli.pause_all(paused_by text default session_user) returns void language plpgsql
-- Workers cannot settle while this waits.
set lock_timeout = '5s' as $$
#variable_conflict use_variable
declare
  running text[];
begin
  -- Who registers meanwhile waits, and finds everything paused. Exclusive, because who registers begins by locking rows here and
  -- goes on to the queues.
  begin
    lock table botticelli.actor_server_state in exclusive mode;
  exception when lock_not_available then
    raise exception 'nothing was paused: a transaction that settles or pauses has been open for 5 s'
      using errcode = '55P03', hint = 'Try again; pg_stat_activity shows what is open.';
  end;
  with stopped as (
    update botticelli.queues q set is_paused = true
    where not q.is_paused and not exists (select from botticelli.actor_server_state a where a.task_id = q.name)
    returning q.name
  )
  select coalesce(array_agg(name), '{}') into running from stopped;
  paused_by := coalesce(nullif(paused_by, ''), session_user);
  insert into botticelli.fleet_pause as pause (paused_by, queues) values (paused_by, running)
  on conflict (only_one) do update set queues = pause.queues || excluded.queues;
  -- An open breaker stays open, and does not end this.
  update botticelli.actor_server_state a
  set is_paused = true, paused_reason = 'everything', paused_by = paused_by, paused_at = now()
  where not a.is_paused or a.paused_reason = 'circuit_breaker';
end
$$;

-- Ends that. Actors that were paused one by one stay paused, and so do those whose breakers are open, until it lets them probe.
create or replace function botticelli.resume_all() returns void language plpgsql
set lock_timeout = '5s' as $$
declare
  stopped text[];
begin
  lock table botticelli.actor_server_state in exclusive mode;
  delete from botticelli.fleet_pause returning queues into stopped;
  -- One that has an actor by now follows it.
  update botticelli.queues q set is_paused = false
  where q.name = any (stopped) and not exists (select from botticelli.actor_server_state a where a.task_id = q.name);
  perform pg_notify('botticelli_jobs', queue) from unnest(stopped) as queue;
  update botticelli.actor_server_state set paused_reason = 'circuit_breaker', paused_by = null
  where is_paused and paused_reason = 'everything' and breaker_state = 'open';
  update botticelli.actor_server_state
  set is_paused = false, consecutive_failures = 0, breaker_state = 'closed'
  where is_paused and paused_reason = 'everything';
end
$$;

-- Pauses or resumes a queue that has no actor. False when there is none.
create or replace function botticelli.set_queue_pause(queue text, is_paused boolean) returns boolean language plpgsql as $$
#variable_conflict use_variable
begin
  perform botticelli.await_pause_of_everything();
  if is_paused then
    -- By its own name now, which the end of the other pause does not end.
    update botticelli.fleet_pause pause set queues = array_remove(pause.queues, queue);
  elsif exists (select from botticelli.queues q where q.name = queue) then
    perform botticelli.refuse_while_everything_is_paused(queue);
  end if;
  update botticelli.queues q set is_paused = is_paused where q.name = queue;
  if found then
    perform pg_notify('botticelli_jobs', queue);
    return true;
  end if;
  return false;
end
$$;
