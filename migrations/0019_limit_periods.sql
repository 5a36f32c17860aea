-- A period without its rate is refused: it would take away all limits of the queue. Owner: shared/queue.

-- Checks the rest and does it.
alter function botticelli.limit_queue(text, integer, integer, integer, interval, integer, integer, interval, integer)
  rename to store_limits;

-- Sets all limits of a queue; what is left out is not limited. Jobs that run count from the moment this commits.
create function botticelli.limit_queue(
  queue text,
  max_running integer default null,
  max_running_per_key integer default null,
  rate integer default null,
  period interval default null,
  burst integer default null,
  rate_per_key integer default null,
  period_per_key interval default null,
  burst_per_key integer default null
) returns void language plpgsql as $$
#variable_conflict use_variable
begin
  -- A second has been the default, and older programs write it out.
  if rate is null and period <> interval '1 second' or rate_per_key is null and period_per_key <> interval '1 second' then
    raise exception 'a period of queue "%" needs its rate', queue
      using errcode = '22023', hint = 'Write rate with period, and rate_per_key with period_per_key; without any of them the queue is not limited.';
  end if;
  perform botticelli.store_limits(
    queue, max_running, max_running_per_key, rate, coalesce(period, interval '1 second'), burst, rate_per_key,
    coalesce(period_per_key, interval '1 second'), burst_per_key
  );
end
$$;
