-- $1 queue, $2 worker, $3 jobs that the worker knows it has.
update botticelli.jobs
set state = 'available', worker_id = null, interruptions = interruptions + 1
where queue = $1 and worker_id = $2 and state = 'running' and not (id = any ($3))
returning pg_notify('botticelli_jobs', queue) is null as announced
