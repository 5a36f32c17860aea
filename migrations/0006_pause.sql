-- Pausing by SQL: `select botticelli.pause('posting')`. A public contract, documented in docs/sql.md. Owner: shared/actors.

-- Lets nothing of an actor start, in the whole fleet, until a person resumes it. Takes over from an open breaker, which
-- would end its own pause after a while.
create function botticelli.pause(actor text, paused_by text default session_user) returns void language plpgsql as $$
begin
  update botticelli.actor_server_state
  set is_paused = true, paused_reason = 'manual', paused_by = pause.paused_by, paused_at = now(),
      breaker_state = 'closed', breaker_retry_at = null
  where task_id = actor;
  if not found then
    perform botticelli.refuse_unknown_actor(actor);
  end if;
end
$$;

-- Ends a pause, whether a person or the breaker began it, and forgives the failures.
create function botticelli.resume(actor text) returns void language plpgsql as $$
begin
  update botticelli.actor_server_state
  set is_paused = false, consecutive_failures = 0, breaker_state = 'closed'
  where task_id = actor;
  if not found then
    perform botticelli.refuse_unknown_actor(actor);
  end if;
end
$$;

create function botticelli.refuse_unknown_actor(actor text) returns void language plpgsql as $$
begin
  raise exception 'unknown actor "%"', actor using errcode = '22023', hint = coalesce(
    (select 'Known actors: ' || string_agg(task_id, ', ' order by task_id) || '.' from botticelli.actor_server_state),
    'No actor has registered yet: start a scheduler or a worker first.');
end
$$;
