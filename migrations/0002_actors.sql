-- Who runs: the actors as configured, every run of them, and the acts of runs that are not finished. Owner: shared/actors.

create table botticelli.actor_server_state (
  task_id text primary key,
  actor_name text not null,
  last_run timestamptz,
  next_run timestamptz,
  consecutive_failures integer not null default 0,
  is_paused boolean not null default false,
  metadata jsonb not null default '{}',
  updated_at timestamptz not null default now(),
  kind text not null,
  enabled boolean not null default true,
  schedule text not null default 'manual',
  schedule_type text not null default 'Manual',
  last_success timestamptz,
  -- Why the actor is paused: `manual` by a person, `circuit_breaker` by its failures.
  paused_reason text,
  paused_by text,
  paused_at timestamptz,
  -- When the breaker lets one probe through.
  breaker_retry_at timestamptz,
  breaker_state text not null default 'closed',
  constraint breaker_state_is_known check (breaker_state in ('closed', 'open', 'half_open')),
  constraint pause_has_a_reason check (is_paused = (paused_reason is not null)),
  constraint an_open_breaker_pauses check (breaker_state <> 'open' or is_paused)
);

create index idx_state_actor on botticelli.actor_server_state (actor_name);

-- A pause by plain SQL (`update … set is_paused = true`) is a pause by a person; it gets its reason here.
create function botticelli.complete_pause() returns trigger language plpgsql as $$
begin
  if new.is_paused and new.paused_reason is null then
    new.paused_reason := 'manual';
    new.paused_by := coalesce(new.paused_by, session_user);
    new.paused_at := coalesce(new.paused_at, now());
  elsif not new.is_paused then
    new.paused_reason := null;
    new.paused_by := null;
    new.paused_at := null;
    new.breaker_retry_at := null;
    if new.breaker_state = 'open' then
      new.breaker_state := 'half_open';
    end if;
  end if;
  new.updated_at := now();
  return new;
end
$$;

create trigger complete_pause before insert or update on botticelli.actor_server_state
  for each row execute function botticelli.complete_pause();

-- The claim reads the pause from the queue, so that no job of a paused actor is ever claimed; the truth is the actor's row.
create function botticelli.mirror_actor_to_queue() returns trigger language plpgsql as $$
begin
  update botticelli.queues set is_paused = new.is_paused or not new.enabled
  where name = new.task_id and is_paused <> (new.is_paused or not new.enabled);
  perform pg_notify('botticelli_jobs', new.task_id);
  return null;
end
$$;

create trigger mirror_actor_to_queue after insert or update of is_paused, enabled on botticelli.actor_server_state
  for each row execute function botticelli.mirror_actor_to_queue();

create table botticelli.actor_server_executions (
  id bigint generated always as identity primary key,
  task_id text not null,
  actor_name text not null,
  started_at timestamptz not null default now(),
  completed_at timestamptz,
  success boolean,
  error_message text,
  skills_succeeded integer,
  skills_failed integer,
  skills_skipped integer,
  metadata jsonb not null default '{}',
  created_at timestamptz not null default now(),
  job_id bigint not null,
  attempt integer not null,
  worker_name text not null,
  outcome text not null default 'running',
  -- Why a run was skipped or interrupted.
  reason text,
  traceparent text,
  constraint one_execution_per_attempt unique (job_id, attempt),
  constraint outcome_is_known check (outcome in ('running', 'success', 'failure', 'skipped', 'interrupted', 'lost')),
  constraint completed_unless_running check ((outcome = 'running') = (completed_at is null)),
  constraint success_tells_the_truth check (
    case
      when outcome = 'success' then success is true
      when outcome in ('failure', 'lost') then success is false
      else success is null
    end
  )
);

create index idx_executions_task_started on botticelli.actor_server_executions (task_id, started_at desc);
create index idx_executions_started on botticelli.actor_server_executions (started_at desc);
create index executions_running on botticelli.actor_server_executions (job_id) where outcome = 'running';

-- The replies of a job's finished acts, so that another worker goes on where a dead one stopped. Removed with the job.
create table botticelli.act_checkpoints (
  job_id bigint not null,
  step text not null,
  record jsonb not null,
  recorded_at timestamptz not null default now(),
  primary key (job_id, step)
);
