-- $1 jobs, $2 attempts, $3 how much is done, $4 of how much, $5 notes, $6 levels and $7 lines for their logs.
with told as materialized (
  select * from unnest($1::bigint[], $2::integer[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[]) with ordinality
    as told (job, attempt, done, total, note, level, line, ordinal)
),
logged as (
  insert into botticelli.job_logs (job_id, attempt, level, message)
  select job, attempt, level, line from told order by ordinal
),
-- Of each job the last thousand lines are kept, those that come now among them.
forgotten as (
  delete from botticelli.job_logs as old
  using (
    select
      told.job,
      (
        select line.id from botticelli.job_logs as line
        where line.job_id = told.job order by line.id desc offset greatest(1000 - told.lines, 0) limit 1
      ) as last
    from (select job, count(*) as lines from told group by job) as told
  ) as over
  where old.job_id = over.job and old.id <= over.last
)
insert into botticelli.job_reports as report (job_id, attempt, done, total, note, progress_at)
-- What a job tells twice it tells the second time.
select distinct on (job) job, attempt, done, total, note, clock_timestamp() from told order by job, ordinal desc
on conflict (job_id) do update set
  attempt = excluded.attempt, done = coalesce(excluded.done, report.done), total = coalesce(excluded.total, report.total),
  note = coalesce(excluded.note, report.note), progress_at = excluded.progress_at, updated_at = clock_timestamp()
