-- Which ticks were won, and what became of them. Owner: scheduler.
create table botticelli.schedule_ticks (
  actor text not null,
  -- The due instant; for `immediate` the epoch.
  tick_at timestamptz not null,
  -- Empty for recurring schedules; for `immediate` the revision of the actor's configuration, which it runs once for.
  revision text not null default '',
  outcome text not null,
  reason text,
  job_id bigint,
  recorded_at timestamptz not null default now(),
  -- Whoever inserts the row has won the tick and enqueues its job in the same transaction.
  constraint one_job_per_tick primary key (actor, tick_at, revision),
  constraint outcome_is_known check (outcome in ('enqueued', 'skipped')),
  constraint job_iff_enqueued check ((outcome = 'enqueued') = (job_id is not null)),
  constraint a_skip_has_a_reason check (outcome <> 'skipped' or reason is not null)
);
