-- $1 queue.
with waiting as materialized (
  select id
  from botticelli.waiting_jobs
  -- One that is not started after some instant may never be started; one that is part of a workflow has work of its own.
  where queue = $1 and run_at <= now() and not_after is null and workflow is null
  limit 1
  for update skip locked
)
-- Claims pass over the locked job until this transaction ends; they are told to look again then.
select pg_notify('botticelli_jobs', $1) from waiting
