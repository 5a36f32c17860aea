-- A run that only waits, as behind a rate limit, is put back every minute and leaves an execution each time. The scheduler's
-- maintenance lets go of them, and finds them by this. Owner: shared/actors.

create index executions_interrupted on botticelli.actor_server_executions (job_id) where outcome = 'interrupted';
