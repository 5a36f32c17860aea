-- $1 the instant that times are told from. One line for each thing there is.
with job_lines as (
  select
    id, state, worker_id, attempted_at, false as is_over,
    format('%s %s %s priority %s run_at %s attempt %s interruptions %s of %s errors [%s]',
      id, queue, args, priority, (extract(epoch from run_at - $1) * 1000000)::bigint, attempt, interruptions, max_attempts,
      (select string_agg(format('%s: %s', error ->> 'attempt', error ->> 'error'), ', ' order by place)
       from jsonb_array_elements(errors) with ordinality as error (error, place))) as line
  from botticelli.jobs
  union all
  select
    id, state, null, attempted_at, true,
    format('%s %s %s priority %s run_at %s attempt %s interruptions %s of %s errors [%s]',
      id, queue, args, priority, (extract(epoch from run_at - $1) * 1000000)::bigint, attempt, interruptions, max_attempts,
      (select string_agg(format('%s: %s', error ->> 'attempt', error ->> 'error'), ', ' order by place)
       from jsonb_array_elements(errors) with ordinality as error (error, place)))
  from botticelli.job_history
),
claim_lines as (
  select
    id, open, has_keys, claim.endings, format('%s %s w%s jobs %s of %s-%s endings [%s]',
      id, queue, right(worker_id::text, 1),
      (select string_agg(job.id::text, ',' order by job.ordinality) from unnest(claim.jobs) with ordinality as job),
      first_job, last_job,
      (select string_agg(format('%s %s', ending.outcome, ending.places), ', ' order by ending.ordinality)
       from unnest(claim.endings) with ordinality as ending)) as line
  from (
    select id, queue, worker_id, jobs, endings, first_job, last_job, open, has_keys from botticelli.claims
    union all
    select id, queue, worker_id, jobs, endings, first_job, last_job, null, null from botticelli.claim_history
  ) as claim
)
select format('waiting %s %s rank %s ready %s suspect %s not_after %s key %s',
  line, state, (extract(epoch from rank - $1) * 1000000)::bigint,
  case when is_ready then 'true' else 'false' end, case when is_suspect then 'true' else 'false' end,
  coalesce((extract(epoch from waiting.not_after - $1) * 1000000)::bigint::text, '-'), coalesce(unique_key, '-'))
from job_lines join botticelli.waiting_jobs as waiting using (id) where not is_over and state <> 'running'
union all
select format('running %s w%s', line, right(worker_id::text, 1)) from job_lines where state = 'running' and attempted_at <= now()
union all
select format('history %s %s ran %s', line, state, case when attempted_at is null then 'false' else 'true' end)
from job_lines where is_over
union all
select format('dead %s %s %s', id, state, regexp_replace(reason, ', [0-9].*', '')) from botticelli.dead_jobs
union all
select format('claim %s open %s keys %s', line, open, case when has_keys then 'true' else 'false' end)
from claim_lines where open is not null
union all
select format('closed %s', line) from claim_lines where open is null
union all
select format('key %s of %s until %s period %s', key, job_id, coalesce(held_until, '-'),
  case when expires_at is null then '-' when expires_at > now() then 'runs' else 'over' end)
from botticelli.job_keys
union all
select format('worker w%s lease %s', right(id::text, 1), case when lease_until > now() then 'true' else 'false' end)
from botticelli.workers
union all
select format('paused %s', name) from botticelli.queues where is_paused
