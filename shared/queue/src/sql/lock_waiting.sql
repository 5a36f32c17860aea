-- $1 queue.
with waiting as materialized (
  select id
  from botticelli.jobs
  where queue = $1 and state <> 'running' and run_at <= now()
  limit 1
  for update skip locked
)
-- Claims pass over the locked job until this transaction ends; they are told to look again then.
select pg_notify('botticelli_jobs', $1) from waiting
