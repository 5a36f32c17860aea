-- $1 actors, $2 jobs, $3 attempts, $4 workers, $5 traces. Gives the ids, in this order.
with begun as materialized (
  select * from unnest($1::text[], $2::bigint[], $3::integer[], $4::text[], $5::text[]) with ordinality
    as begun (actor, job_id, attempt, worker_name, traceparent, ordinal)
),
run as (
  insert into botticelli.actor_server_executions (task_id, actor_name, job_id, attempt, worker_name, traceparent)
  select actor, actor, job_id, attempt, worker_name, traceparent from begun order by ordinal
  returning id, job_id, attempt
),
-- In one order, so that two that begin runs of the same actors wait for one another and not each for the other.
noting as materialized (
  select task_id from botticelli.actor_server_state where task_id = any ($1) order by task_id collate "C"
  for no key update
),
noted as (
  update botticelli.actor_server_state set last_run = greatest(last_run, now()) where task_id in (select task_id from noting)
)
select run.id from run join begun using (job_id, attempt) order by begun.ordinal
