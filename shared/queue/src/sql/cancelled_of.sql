-- $1 worker. Costs nothing as long as nobody cancels a running job.
select job_id
from botticelli.cancellations
-- A scalar subquery, which no plan turns round to look into every claim first.
where (
  select true
  from botticelli.claims, unnest(claims.jobs) with ordinality as job
  where claims.worker_id = $1 and claims.first_job <= job_id and claims.last_job >= job_id
    and job.id = job_id and get_bit(claims.open, job.ordinality::integer - 1) = 1
  limit 1
)
