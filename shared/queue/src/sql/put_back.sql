-- $1 job, $2 attempt, $3 worker, $4 delay in seconds, $5 error or null, $6 interruptions to add.
update botticelli.jobs
set
  state = case when $5::text is not null then 'retryable' when $4 > 0 then 'scheduled' else 'available' end,
  run_at = case when $4 > 0 then clock_timestamp() + make_interval(secs => $4) else run_at end,
  worker_id = null,
  interruptions = interruptions + $6,
  errors = errors || case
    when $5::text is null then '[]'::jsonb
    else jsonb_build_array(jsonb_build_object('attempt', attempt, 'at', now(), 'error', $5::text))
  end
where id = $1 and attempt = $2 and worker_id = $3 and state = 'running'
returning pg_notify('botticelli_jobs', queue) is null as announced
