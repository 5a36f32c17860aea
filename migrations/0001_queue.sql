-- The queue: what waits, what runs, who holds a lease, what is finished. Owner: shared/queue.
create schema if not exists botticelli;

-- One lease per worker process, renewed whatever its jobs are doing. A job is leased exactly as long as its worker is.
create table botticelli.workers (
  id uuid primary key,
  name text not null,
  started_at timestamptz not null default now(),
  lease_until timestamptz not null
);

-- A queue carries the name of the actor that serves it.
create table botticelli.queues (
  name text primary key,
  kind text not null,
  max_attempts integer not null,
  is_paused boolean not null default false,
  constraint max_attempts_is_positive check (max_attempts > 0)
);

-- Unfinished jobs only: a finished row moves to job_history, so the claim index stays small.
create table botticelli.jobs (
  id bigint generated always as identity primary key,
  queue text not null references botticelli.queues (name),
  kind text not null,
  args jsonb not null default '{}',
  state text not null default 'available',
  -- Higher runs first.
  priority smallint not null default 0,
  run_at timestamptz not null default now(),
  -- Grows with every claim and never falls: together with worker_id it is the fencing token of a running job.
  attempt integer not null default 0,
  -- Claims that ended through no fault of the job (a deploy, a hand-back, a snooze); they do not count against max_attempts.
  interruptions integer not null default 0,
  max_attempts integer not null,
  worker_id uuid,
  enqueued_at timestamptz not null default now(),
  attempted_at timestamptz,
  -- Who asked: schedule, sql, api, cli or after.
  source text not null default 'sql',
  traceparent text,
  -- One object per failed attempt: {"attempt", "at", "error"}.
  errors jsonb not null default '[]',
  constraint state_is_known check (state in ('available', 'scheduled', 'retryable', 'running')),
  constraint worker_iff_running check ((state = 'running') = (worker_id is not null)),
  constraint run_at_is_finite check (isfinite(run_at)),
  constraint attempt_is_sane check (attempt between 0 and 1000000),
  constraint interruptions_are_attempts check (interruptions between 0 and attempt),
  constraint args_are_an_object check (jsonb_typeof(args) = 'object'),
  constraint args_at_most_256_kib check (octet_length(args::text) <= 262144),
  constraint max_attempts_is_positive check (max_attempts > 0),
  constraint traceparent_is_w3c check (traceparent ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$')
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01);

create index jobs_waiting on botticelli.jobs (queue, priority desc, run_at, id) where state <> 'running';
create index jobs_due on botticelli.jobs (queue, run_at) where state <> 'running';
create index jobs_running on botticelli.jobs (worker_id) where state = 'running';

create table botticelli.job_history (
  id bigint primary key,
  queue text not null,
  kind text not null,
  args jsonb not null,
  state text not null,
  priority smallint not null,
  run_at timestamptz not null,
  attempt integer not null,
  interruptions integer not null,
  max_attempts integer not null,
  enqueued_at timestamptz not null,
  attempted_at timestamptz,
  source text not null,
  traceparent text,
  errors jsonb not null,
  finished_at timestamptz not null default now(),
  constraint state_is_final check (state in ('completed', 'discarded', 'cancelled'))
);

create index job_history_finished on botticelli.job_history (finished_at);

-- One notification per queue and statement, whatever the number of rows. A job due later is announced too: the claimer
-- that hears of it learns when to wake.
create function botticelli.announce_jobs() returns trigger language plpgsql as $$
begin
  perform pg_notify('botticelli_jobs', waiting.queue)
  from (select distinct queue from changed where state <> 'running') as waiting;
  return null;
end
$$;

create trigger announce_inserted_jobs after insert on botticelli.jobs
  referencing new table as changed for each statement execute function botticelli.announce_jobs();
