-- $1 schedules. Those whose job the queue would not take, and why. Each different job is asked about once.
with job as materialized (
  select distinct queue, args from botticelli.schedules where name = any ($1)
)
select s.name, refused.reason
from (select queue, args, botticelli.job_refusal(queue, args) as reason from job) as refused
  join botticelli.schedules s on s.queue = refused.queue and s.args = refused.args and s.name = any ($1)
where refused.reason is not null
