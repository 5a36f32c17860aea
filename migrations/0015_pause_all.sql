-- Pausing everything, and queues that belong to no actor. A public contract, documented in docs/sql.md. Owner: shared/actors.

-- A row as long as everything is paused.
create table botticelli.fleet_pause (
  only_one boolean primary key default true check (only_one),
  paused_by text not null,
  paused_at timestamptz not null default now(),
  -- Queues without an actor that ran before.
  queues text[] not null
);

-- An actor that registers while everything is paused is paused too.
create function botticelli.pause_new_actor() returns trigger language plpgsql as $$
begin
  if not new.is_paused then
    select true, 'everything', pause.paused_by, pause.paused_at
    into new.is_paused, new.paused_reason, new.paused_by, new.paused_at
    from botticelli.fleet_pause pause;
    new.is_paused := coalesce(new.is_paused, false);
  end if;
  return new;
end
$$;

create trigger pause_new_actor before insert on botticelli.actor_server_state
  for each row execute function botticelli.pause_new_actor();

-- Lets nothing start in the whole fleet until `resume_all`. What is paused already stays so after that.
create function botticelli.pause_all(paused_by text default session_user) returns void language plpgsql as $$
#variable_conflict use_variable
declare
  running text[];
begin
  -- Who registers meanwhile waits, and finds everything paused. Exclusive, because who registers begins by locking rows here and
  -- goes on to the queues.
  lock table botticelli.actor_server_state in exclusive mode;
  with stopped as (
    update botticelli.queues q set is_paused = true
    where not q.is_paused and not exists (select from botticelli.actor_server_state a where a.task_id = q.name)
    returning q.name
  )
  select coalesce(array_agg(name), '{}') into running from stopped;
  insert into botticelli.fleet_pause as pause (paused_by, queues) values (paused_by, running)
  on conflict (only_one) do update set queues = pause.queues || excluded.queues;
  -- An open breaker would end its own pause after a while.
  update botticelli.actor_server_state a
  set is_paused = true, paused_reason = 'everything', paused_by = paused_by, paused_at = now(), breaker_state = 'closed',
      breaker_retry_at = null
  where not a.is_paused or a.paused_reason = 'circuit_breaker';
end
$$;

-- Ends that. Actors that were paused one by one stay paused.
create function botticelli.resume_all() returns void language plpgsql as $$
declare
  stopped text[];
begin
  lock table botticelli.actor_server_state in exclusive mode;
  delete from botticelli.fleet_pause returning queues into stopped;
  update botticelli.queues q set is_paused = false where q.name = any (stopped);
  perform pg_notify('botticelli_jobs', queue) from unnest(stopped) as queue;
  update botticelli.actor_server_state
  set is_paused = false, consecutive_failures = 0, breaker_state = 'closed'
  where is_paused and paused_reason = 'everything';
end
$$;

-- Pauses or resumes a queue that has no actor. False when there is none.
create function botticelli.set_queue_pause(queue text, is_paused boolean) returns boolean language plpgsql as $$
#variable_conflict use_variable
begin
  update botticelli.queues q set is_paused = is_paused where q.name = queue;
  if found then
    perform pg_notify('botticelli_jobs', queue);
    return true;
  end if;
  return false;
end
$$;

-- Lets nothing of an actor start, in the whole fleet, until a person resumes it. Takes over from an open breaker, which
-- would end its own pause after a while. The name may also be that of a queue without an actor.
create or replace function botticelli.pause(actor text, paused_by text default session_user) returns void language plpgsql as $$
begin
  update botticelli.actor_server_state
  set is_paused = true, paused_reason = 'manual', paused_by = pause.paused_by, paused_at = now(),
      breaker_state = 'closed', breaker_retry_at = null
  where task_id = actor;
  if not found and not botticelli.set_queue_pause(actor, true) then
    perform botticelli.refuse_unknown_actor(actor);
  end if;
end
$$;

-- Ends a pause, whoever began it, and forgives the failures.
create or replace function botticelli.resume(actor text) returns void language plpgsql as $$
begin
  update botticelli.actor_server_state
  set is_paused = false, consecutive_failures = 0, breaker_state = 'closed'
  where task_id = actor;
  if not found and not botticelli.set_queue_pause(actor, false) then
    perform botticelli.refuse_unknown_actor(actor);
  end if;
end
$$;
