-- Keeping the tables small through which every job goes. Owner: shared/queue.
--
-- Each job leaves a dead row behind, and vacuum removes none of them as long as any transaction of the server is older, be it a
-- report or a forgotten session. A table that holds few rows is emptied and filled again instead, which needs nobody's leave.
-- That is done in shared/queue/src/compact.rs.

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

-- Whether the table takes much space, or some that makes claims slow, and holds little.
create function botticelli.waiting_jobs_want_compaction(much bigint default 33554432, enough bigint default 4194304)
returns boolean language plpgsql as $$
declare
  size bigint := pg_table_size('botticelli.waiting_jobs');
begin
  return (size >= much or size >= enough and botticelli.claims_are_slow())
    and (select count(*) < 50000 from (select from botticelli.waiting_jobs limit 50000) as first_ones);
end
$$;

create function botticelli.claims_want_compaction(much bigint default 33554432) returns boolean language plpgsql as $$
begin
  return pg_table_size('botticelli.claims') >= much
    and (select count(*) < 500 from (select from botticelli.claims limit 500) as first_ones);
end
$$;
