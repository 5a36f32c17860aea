-- $1 queue, $2 most rows.
with due as (
  update botticelli.waiting_jobs
  set is_ready = true
  where ctid = any (array(
    select ctid
    from botticelli.waiting_jobs
    where queue = $1 and not is_ready and run_at <= clock_timestamp()
    order by run_at
    limit $2
    for update skip locked
  ))
  returning queue
),
-- The one that promotes may have room for fewer than are due now.
announced as materialized (
  select pg_notify('botticelli_jobs', queue) from (select distinct queue from due) as promoted
)
select count(*) from due where (select count(*) from announced) >= 0
