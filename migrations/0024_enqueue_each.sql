-- Enqueuing jobs of different queues at once, for the scheduler. Owner: shared/queue.

-- Puts in one job for each element of the arrays, in the caller's transaction, and gives their ids in the same order. They are
-- checked as by `enqueue`.
create function botticelli.enqueue_each(
  queues text[], args jsonb[], run_ats timestamptz[], traceparents text[], source text
) returns bigint[] language plpgsql as $$
#variable_conflict use_variable
declare
  ids bigint[];
begin
  perform botticelli.check_job(named.queue, now(), 0, null, null, null, 1) from (select distinct unnest(queues) as queue) as named;
  perform botticelli.check_args(q.name, q.kind, given.args)
  from unnest(queues, args) as given (queue, args) join botticelli.queues q on q.name = given.queue
  where given.args <> '{}';
  ids := array(select nextval(pg_get_serial_sequence('botticelli.waiting_jobs', 'id')) from generate_series(1, cardinality(queues)));
  insert into botticelli.waiting_jobs (id, queue, kind, args, run_at, rank, is_ready, max_attempts, traceparent, source, limit_key)
  select
    given.id, q.name, q.kind, given.args, given.run_at, given.run_at, given.run_at <= now(), q.max_attempts, given.traceparent, source,
    case when q.has_limited_keys then '' end
  from unnest(ids, queues, args, run_ats, traceparents) as given (id, queue, args, run_at, traceparent)
    join botticelli.queues q on q.name = given.queue
  order by given.id;
  return ids;
end
$$;

-- Those of the jobs that have not ended. The claims are looked through once, however many are asked for.
create function botticelli.unfinished_jobs(ids bigint[]) returns setof bigint language sql stable as $$
  select id from botticelli.waiting_jobs where id = any ($1)
  union all
  select id from botticelli.pending_jobs where id = any ($1)
  union all
  select job.id
  from botticelli.claims cross join lateral unnest(claims.jobs) with ordinality as job
  where job.id = any ($1) and get_bit(claims.open, job.ordinality::integer - 1) = 1
    and claims.last_job >= (select min(id) from unnest($1) as id) and claims.first_job <= (select max(id) from unnest($1) as id)
$$;
