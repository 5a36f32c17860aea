-- $1 jobs, $2 attempts, $3 outcomes, $4 successes, $5 error messages, $6 reasons, $7 and $8 skills that worked and did not, $9 metadata.
update botticelli.actor_server_executions as execution
set
  completed_at = clock_timestamp(), outcome = ending.outcome, success = ending.success, error_message = ending.error_message,
  reason = ending.reason, skills_succeeded = ending.succeeded, skills_failed = ending.failed, skills_skipped = 0,
  metadata = ending.metadata
from unnest($1::bigint[], $2::integer[], $3::text[], $4::boolean[], $5::text[], $6::text[], $7::integer[], $8::integer[], $9::jsonb[])
  as ending (job_id, attempt, outcome, success, error_message, reason, succeeded, failed, metadata)
where execution.job_id = ending.job_id and execution.attempt = ending.attempt and execution.outcome = 'running'
