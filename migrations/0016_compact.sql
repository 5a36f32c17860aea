-- Keeping the tables small through which every job goes. Owner: shared/queue.
--
-- Each job leaves a dead row behind, and vacuum removes none of them as long as any transaction of the server is older, be it a
-- report or a forgotten session. A table that holds few rows is emptied and filled again instead, which needs nobody's leave.

-- Whether whoever claims from `waiting_jobs` loses time with what is not there any more: more than a millisecond.
create function botticelli.claims_are_slow() returns boolean language plpgsql
set enable_indexscan = on set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off as $$
declare
  name text;
  began timestamptz;
begin
  for name in select queues.name from botticelli.queues loop
    began := clock_timestamp();
    perform from botticelli.waiting_jobs where queue = name and is_ready and not is_suspect order by rank, id limit 1;
    if clock_timestamp() - began > interval '1 millisecond' then
      return true;
    end if;
  end loop;
  return false;
end
$$;

-- Rewrites `waiting_jobs` and `claims`, each if it holds few rows and takes much space, or some and claims are slow. Gives the
-- number of the tables. It waits 20 ms for those who use a table and lets it be if that is not enough.
--
-- What is emptied is gone for transactions, too, that began before, have one snapshot for all they do and first look into the
-- table afterwards. They read less than there is; a dump is not among them, because it begins by locking its tables.
create function botticelli.compact(much bigint default 33554432, enough bigint default 4194304) returns integer language plpgsql
set lock_timeout = '20ms' set enable_indexscan = off set enable_indexonlyscan = off set enable_bitmapscan = off as $$
declare
  compacted integer := 0;
  size bigint := pg_table_size('botticelli.waiting_jobs');
  waiting botticelli.waiting_jobs[];
  held botticelli.claims[];
begin
  -- Of several that would do it one is enough.
  if not pg_try_advisory_xact_lock(hashtext('botticelli.compact')) then
    return 0;
  end if;
  begin
    if (size >= much or size >= enough and botticelli.claims_are_slow())
      -- Looked at before anybody has to wait.
      and (select count(*) < 20000 and coalesce(sum(bytes), 0) < 8000000
           from (select pg_column_size(args) as bytes from botticelli.waiting_jobs limit 20000) as first_ones)
    then
      lock table botticelli.waiting_jobs in access exclusive mode;
      waiting := array(select job from botticelli.waiting_jobs as job);
      truncate botticelli.waiting_jobs;
      insert into botticelli.waiting_jobs select (job).* from unnest(waiting) as job;
      compacted := compacted + 1;
    end if;
  exception when lock_not_available then null;
  end;
  begin
    if pg_table_size('botticelli.claims') >= much
      and (select count(*) < 500 and coalesce(sum(bytes), 0) < 16000000
           from (select pg_column_size(jobs) as bytes from botticelli.claims limit 500) as first_ones)
    then
      lock table botticelli.claims in access exclusive mode;
      held := array(select claim from botticelli.claims as claim);
      truncate botticelli.claims;
      insert into botticelli.claims overriding system value select (claim).* from unnest(held) as claim;
      compacted := compacted + 1;
    end if;
  exception when lock_not_available then null;
  end;
  return compacted;
end
$$;
