-- What jobs tell about themselves: how far they are, what they noted on the way, what came of them. A public contract,
-- documented in docs/sql.md. Owner: shared/queue.

-- One row per job that told something, kept as long as its history.
create table botticelli.job_reports (
  job_id bigint primary key,
  -- The attempt that told it; a later one takes over.
  attempt integer not null,
  -- How much is done, of how much, if that is known, and in words.
  done bigint,
  total bigint,
  note text,
  progress_at timestamptz,
  -- What came of the job, once it is completed.
  result jsonb,
  updated_at timestamptz not null default clock_timestamp(),
  constraint done_is_part_of_total check (done >= 0 and total >= 0),
  constraint note_is_short check (length(note) <= 1000),
  constraint result_at_most_256_kib check (octet_length(result::text) <= 262144)
) with (fillfactor = 80);

create index job_reports_updated on botticelli.job_reports (updated_at);

create table botticelli.job_logs (
  id bigint generated always as identity primary key,
  job_id bigint not null,
  attempt integer not null,
  at timestamptz not null default clock_timestamp(),
  level text not null,
  message text not null,
  constraint level_is_known check (level in ('debug', 'info', 'warn', 'error')),
  constraint message_is_short check (length(message) <= 8000)
);

create index job_logs_job on botticelli.job_logs (job_id, id);
create index job_logs_at on botticelli.job_logs using brin (at);

-- Whether the job at a place of a claim is the worker's. It stays so until the transaction ends: a rescue waits.
create function botticelli.holds(worker uuid, claim_id bigint, place integer) returns boolean language plpgsql as $$
begin
  perform from botticelli.claims where id = claim_id and worker_id = worker and get_bit(open, place) = 1 for update;
  return found;
end
$$;

-- Notes how far a job is, if it is the worker's. What it told of before and does not tell of now stays.
create function botticelli.report_progress(
  worker uuid, claim_id bigint, place integer, job bigint, attempt integer, done bigint, total bigint, note text
) returns boolean language plpgsql as $$
#variable_conflict use_variable
begin
  if not botticelli.holds(worker, claim_id, place) then
    return false;
  end if;
  insert into botticelli.job_reports as report (job_id, attempt, done, total, note, progress_at)
  values (job, attempt, done, total, note, clock_timestamp())
  on conflict (job_id) do update set
    attempt = excluded.attempt, done = coalesce(excluded.done, report.done), total = coalesce(excluded.total, report.total),
    note = coalesce(excluded.note, report.note), progress_at = excluded.progress_at, updated_at = clock_timestamp();
  return true;
end
$$;

-- Adds a line to a job's log, if the job is the worker's. Of each job the last thousand lines are kept.
create function botticelli.add_to_log(
  worker uuid, claim_id bigint, place integer, job bigint, attempt integer, level text, message text
) returns boolean language plpgsql as $$
#variable_conflict use_variable
begin
  if not botticelli.holds(worker, claim_id, place) then
    return false;
  end if;
  insert into botticelli.job_logs (job_id, attempt, level, message) values (job, attempt, level, message);
  delete from botticelli.job_logs where id = any (array(
    select id from botticelli.job_logs where job_id = job order by id desc offset 1000
  ));
  return true;
end
$$;

-- Keeps what came of a job. Called in the transaction that completes it, which is the fence.
create function botticelli.save_result(job bigint, attempt integer, result jsonb) returns void language sql as $$
  insert into botticelli.job_reports (job_id, attempt, result) values ($1, $2, $3)
  on conflict (job_id) do update set attempt = excluded.attempt, result = excluded.result, updated_at = clock_timestamp()
$$;

-- A job's log, the first line first.
create function botticelli.job_log(job bigint) returns table (at timestamptz, attempt integer, level text, message text)
language sql stable as $$
  select at, attempt, level, message from botticelli.job_logs where job_id = $1 order by id
$$;
