-- Enqueuing by SQL: `select botticelli.enqueue('generation')`. A public contract, documented in docs/sql.md. Owner: shared/queue.

-- Refuses arguments that the kind does not know, or whose type or range is wrong. The worker checks again with the same
-- rules (shared/jobs), because a row can also be inserted by hand.
create function botticelli.check_args(queue text, kind text, args jsonb) returns void language plpgsql immutable as $$
declare
  known text[] := case kind
    when 'generation' then array['args', 'iterations', 'narrative_name']
    when 'narrative' then array['args', 'iterations', 'narrative_name']
    else array['limit']
  end;
  key text;
  value jsonb;
  most integer;
begin
  if args is null or jsonb_typeof(args) <> 'object' then
    raise exception 'args of queue "%" must be a JSON object, not %', queue, coalesce(jsonb_typeof(args), 'NULL')
      using errcode = '22023', hint = 'Write for example ''{}''.';
  end if;
  if octet_length(args::text) > 262144 then
    raise exception 'args of queue "%" take % bytes, more than the limit of 262144 (256 KiB)', queue, octet_length(args::text)
      using errcode = '54000', hint = 'Store the data in a table of your own and pass its key.';
  end if;
  for key, value in select * from jsonb_each(args) loop
    if not key = any (known) then
      raise exception 'unknown argument "%" for queue "%" (kind %)', key, queue, kind
        using errcode = '22023', hint = format('Known arguments: %s.', array_to_string(known, ', '));
    end if;
    if key in ('iterations', 'limit') then
      most := case key when 'limit' then 100 else 1000 end;
      -- Only the plain form: the worker does not take 2.0 for a whole number.
      if jsonb_typeof(value) <> 'number' or value::text !~ '^[0-9]+$' or value::numeric not between 1 and most then
        raise exception 'argument "%" of queue "%" must be a whole number from 1 to %, not %', key, queue, most, value
          using errcode = '22023';
      end if;
    elsif key = 'args' and jsonb_typeof(value) <> 'object' then
      raise exception 'argument "args" of queue "%" must be a JSON object of template values, not %', queue, value
        using errcode = '22023';
    elsif key = 'narrative_name' and jsonb_typeof(value) <> 'string' then
      raise exception 'argument "narrative_name" of queue "%" must be a string, not %', queue, value using errcode = '22023';
    end if;
  end loop;
end
$$;

-- Puts one job in a queue and returns its id. Runs in the caller's transaction: rolled back with it, visible with it.
create function botticelli.enqueue(
  queue text,
  args jsonb default '{}',
  run_at timestamptz default now(),
  priority integer default 0,
  max_attempts integer default null,
  traceparent text default null,
  source text default 'sql'
) returns bigint language plpgsql as $$
#variable_conflict use_variable
declare
  target botticelli.queues;
  job_id bigint;
begin
  select * into target from botticelli.queues q where q.name = queue;
  if not found then
    raise exception 'unknown queue "%"', queue using errcode = '22023', hint = coalesce(
      (select 'Known queues: ' || string_agg(q.name, ', ' order by q.name) || '.' from botticelli.queues q),
      'No actor has registered yet: start a scheduler or a worker first.');
  end if;
  perform botticelli.check_args(queue, target.kind, args);
  if run_at is null then
    raise exception 'run_at of queue "%" must not be NULL', queue using errcode = '22004', hint = 'Leave it out to run at once.';
  end if;
  if not isfinite(run_at) then
    raise exception 'run_at of queue "%" must be a point in time, not %', queue, run_at
      using errcode = '22023', hint = 'Leave it out to run at once.';
  end if;
  if priority is null or priority not between -32768 and 32767 then
    raise exception 'priority of queue "%" must be from -32768 to 32767, not %', queue, coalesce(priority::text, 'NULL')
      using errcode = '22023';
  end if;
  if max_attempts is not null and max_attempts not between 1 and 1000 then
    raise exception 'max_attempts of queue "%" must be from 1 to 1000, not %', queue, max_attempts using errcode = '22023';
  end if;
  if traceparent is not null and traceparent !~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' then
    raise exception 'traceparent "%" is not a W3C traceparent', traceparent
      using errcode = '22023', hint = 'Write 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, or leave it out.';
  end if;
  insert into botticelli.jobs (queue, kind, args, state, run_at, priority, max_attempts, traceparent, source)
  values (queue, target.kind, args, case when run_at <= now() then 'available' else 'scheduled' end, run_at, priority,
          coalesce(max_attempts, target.max_attempts), traceparent, source)
  returning id into job_id;
  return job_id;
end
$$;
