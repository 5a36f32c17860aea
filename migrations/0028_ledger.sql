-- Calls of language models: each on record, what they may cost, and how fast they may be made. Owner: shared/ledger.
--
-- A call is reserved before it is sent and settled after. What calls hold and what they used is added up in meters: the rows of
-- `budget_usage` and `rate_buckets`. Who reserves locks the meters of its call, always in the same order. Maintenance locks some that
-- nobody has, and only in passing: it waits for none, and for no disk. The end of a call waits for nobody: it leaves rows in
-- `meter_corrections`, which the next reservation adds.

create sequence botticelli.meters;
create sequence botticelli.model_call_ids;

-- Calls that were reserved and have not ended.
create table botticelli.open_calls (
  id bigint primary key,
  -- Null for a call outside of jobs.
  job_id bigint,
  attempt integer,
  run text not null,
  actor text not null,
  narrative text not null,
  act text not null,
  step text not null,
  provider text not null,
  -- The name of the key, never the key.
  key_name text not null,
  model text not null,
  prompt_hash text not null,
  -- The meters that count it.
  meters bigint[] not null,
  reserved_input_tokens bigint not null,
  reserved_output_tokens bigint not null,
  reserved_cost_micros bigint not null,
  reserved_at timestamptz not null,
  -- When it is lost unless it has ended.
  expires_at timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

create index open_calls_job on botticelli.open_calls (job_id) where job_id is not null;
create index open_calls_expiry on botticelli.open_calls (expires_at);

-- Calls that are over.
create table botticelli.ended_calls (
  id bigint primary key,
  job_id bigint,
  attempt integer,
  run text not null,
  actor text not null,
  narrative text not null,
  act text not null,
  step text not null,
  provider text not null,
  key_name text not null,
  model text not null,
  prompt_hash text not null,
  meters bigint[] not null,
  reserved_input_tokens bigint not null,
  reserved_output_tokens bigint not null,
  reserved_cost_micros bigint not null,
  reserved_at timestamptz not null,
  expires_at timestamptz not null,
  state text not null,
  ended_at timestamptz not null,
  -- What it used; what it had reserved of one that is lost, or failed so that nobody knows.
  input_tokens bigint not null,
  output_tokens bigint not null,
  cached_input_tokens bigint not null,
  cache_write_tokens bigint not null,
  reasoning_tokens bigint not null,
  is_estimated boolean not null,
  cost_micros bigint not null,
  error_class text,
  request_id text,
  constraint state_is_known check (state in ('settled', 'failed', 'released', 'lost'))
);

create index ended_calls_job on botticelli.ended_calls (job_id) where job_id is not null;
create index ended_calls_day on botticelli.ended_calls (((reserved_at at time zone 'UTC')::date));

-- The ended calls that were pruned, added up.
create table botticelli.llm_usage_days (
  day date,
  actor text,
  provider text,
  model text,
  calls bigint not null,
  failed_calls bigint not null,
  lost_calls bigint not null,
  input_tokens numeric not null,
  output_tokens numeric not null,
  cached_input_tokens numeric not null,
  cache_write_tokens numeric not null,
  reasoning_tokens numeric not null,
  cost_micros numeric not null,
  primary key (day, actor, provider, model)
);

-- What is used of budgets: a row for each act, run, actor or the fleet, and period. Every reservation updates some, so their pages
-- have room for that.
create table botticelli.budget_usage (
  id bigint not null default nextval('botticelli.meters') unique,
  -- `act`, `run`, `actor` or `fleet`.
  scope text collate "C",
  -- The run or the actor, and for an act its step.
  key text collate "C",
  step text collate "C",
  -- `none`, `day` or `month`.
  period text collate "C",
  starts_at timestamptz,
  -- When the next period begins.
  ends_at timestamptz,
  used_tokens bigint not null default 0,
  used_calls bigint not null default 0,
  used_cost_micros bigint not null default 0,
  -- Of calls that have not ended.
  reserved_tokens bigint not null default 0,
  reserved_calls bigint not null default 0,
  reserved_cost_micros bigint not null default 0,
  -- The limits as they were last given.
  max_tokens bigint,
  max_calls bigint,
  max_cost_micros bigint,
  -- Those of them that were told to be used to four fifths.
  alerted_tokens bigint,
  alerted_calls bigint,
  alerted_cost_micros bigint,
  opened_at timestamptz not null,
  changed_at timestamptz not null,
  primary key (scope, key, step, period, starts_at)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- Those that end some day.
create index budget_usage_opened on botticelli.budget_usage (opened_at) where ends_at is not null or scope in ('act', 'run');

-- Each crossing of four fifths of a limit.
create table botticelli.budget_alerts (
  budget bigint,
  measure text,
  max bigint,
  used bigint not null,
  crossed_at timestamptz not null,
  primary key (budget, measure, max),
  constraint measure_is_known check (measure in ('tokens', 'calls', 'cost_micros'))
);

-- How fast calls are made: a row for what limits hold over, where an empty text stands for any. The last minute is kept in slots
-- of two seconds, the current one last, so that no 60 seconds ever hold more than a limit.
create table botticelli.rate_buckets (
  id bigint not null default nextval('botticelli.meters') unique,
  provider text collate "C",
  key_name text collate "C",
  model text collate "C",
  narrative text collate "C",
  -- The number of the current slot since 1970.
  slot bigint not null default 0,
  slot_requests integer[] not null default array_fill(0, array[31]),
  slot_tokens bigint[] not null default array_fill(0::bigint, array[31]),
  -- Their sums.
  minute_requests bigint not null default 0,
  minute_tokens bigint not null default 0,
  -- The calendar day of the provider's zone that `day_requests` are of.
  day_at timestamptz not null default '-infinity',
  day_requests bigint not null default 0,
  -- Calls that are under way, and lost ones that nobody has looked for yet.
  running bigint not null default 0,
  -- How long calls take, the last ones more than those before.
  call_seconds float8 not null default 2,
  -- The last time that was given to one who waits.
  turn_at timestamptz not null default '-infinity',
  -- When somebody who waited looked for lost calls.
  swept_at timestamptz not null default '-infinity',
  -- The limits as they were last given.
  requests_per_minute bigint,
  tokens_per_minute bigint,
  requests_per_day bigint,
  concurrency bigint,
  changed_at timestamptz not null,
  primary key (provider, key_name, model, narrative)
) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0.01);

-- Until when a provider wants to be left alone. Holds for every call that it covers, with limits or without.
create table botticelli.rate_throttles (
  provider text collate "C",
  key_name text collate "C",
  model text collate "C",
  until timestamptz not null,
  primary key (provider, key_name, model)
);

create index rate_throttles_until on botticelli.rate_throttles (until);

-- Ends of calls that no reservation has added to its meters yet.
create table botticelli.meter_corrections (
  meter bigint not null,
  reserved_calls bigint not null,
  reserved_tokens bigint not null,
  reserved_cost_micros bigint not null,
  used_calls bigint not null,
  used_tokens bigint not null,
  used_cost_micros bigint not null,
  reserved_at timestamptz not null,
  -- How long the call took, if that tells something.
  seconds float8
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_insert_scale_factor = 1);

create index meter_corrections_meter on botticelli.meter_corrections (meter);

-- When the period of a budget begins, or ends, that `at` is in, by the calendar of `zone`.
create function botticelli.period_start(period text, at timestamptz, zone text) returns timestamptz language sql stable as $$
  select case period when 'none' then '-infinity' else date_trunc(period, at at time zone zone) at time zone zone end
$$;

create function botticelli.period_end(period text, at timestamptz, zone text) returns timestamptz language sql stable as $$
  select case when period <> 'none' then (date_trunc(period, at at time zone zone) + ('1 ' || period)::interval) at time zone zone end
$$;

-- Makes the meters that are not there, in the order in which they are locked.
create function botticelli.open_meters(
  at timestamptz, scopes text[], keys text[], steps text[], periods text[], zones text[],
  providers text[], key_names text[], models text[], narratives text[]
) returns void language plpgsql as $$
#variable_conflict use_variable
begin
  insert into botticelli.budget_usage as b (scope, key, step, period, starts_at, ends_at, opened_at, changed_at)
  select
    asked.scope, asked.key, asked.step, asked.period, botticelli.period_start(asked.period, at, asked.zone),
    botticelli.period_end(asked.period, at, asked.zone), at, at
  from unnest(scopes, keys, steps, periods, zones) with ordinality as asked (scope, key, step, period, zone, place)
  order by asked.place
  on conflict on constraint budget_usage_pkey do nothing;
  insert into botticelli.rate_buckets as r (provider, key_name, model, narrative, changed_at)
  select asked.provider, asked.key_name, asked.model, asked.narrative, at
  from unnest(providers, key_names, models, narratives) with ordinality as asked (provider, key_name, model, narrative, place)
  order by asked.place
  on conflict on constraint rate_buckets_pkey do nothing;
end
$$;

-- A bucket with its last minute as of `moment` and its day the one that begins at `day_at`.
create function botticelli.advance_bucket(inout r botticelli.rate_buckets, moment timestamptz, day_at timestamptz)
language plpgsql immutable as $$
declare
  now_slot constant bigint := floor(extract(epoch from moment) / 2);
  moved constant bigint := now_slot - r.slot;
begin
  if moved > 30 then
    r.slot_requests := array_fill(0, array[31]);
    r.slot_tokens := array_fill(0::bigint, array[31]);
    r.minute_requests := 0;
    r.minute_tokens := 0;
    r.slot := now_slot;
  elsif moved > 0 then
    r.slot_requests := r.slot_requests[moved + 1:] || array_fill(0, array[moved::integer]);
    r.slot_tokens := r.slot_tokens[moved + 1:] || array_fill(0::bigint, array[moved::integer]);
    r.minute_requests := (select sum(requests) from unnest(r.slot_requests) as requests);
    r.minute_tokens := (select sum(tokens) from unnest(r.slot_tokens) as tokens);
    r.slot := now_slot;
  elsif moved < 0 then
    -- The clock was ahead before: what is in the minute leaves it within one from now.
    r.slot := now_slot;
    r.turn_at := least(r.turn_at, moment);
  end if;
  if r.day_at > moment then
    r.day_at := day_at;
  elsif day_at > r.day_at then
    r.day_at := day_at;
    r.day_requests := 0;
  end if;
end
$$;

-- A bucket with what some of its calls left that were reserved in one slot.
create function botticelli.add_to_bucket(
  inout r botticelli.rate_buckets, reserved_at timestamptz, calls bigint, tokens bigint, running bigint, seconds float8
) language plpgsql immutable as $$
declare
  place constant bigint := floor(extract(epoch from reserved_at) / 2) - r.slot + 31;
begin
  r.running := r.running + running;
  r.call_seconds := r.call_seconds + (coalesce(seconds, r.call_seconds) - r.call_seconds) / 8;
  if reserved_at >= r.day_at then
    r.day_requests := r.day_requests + calls;
  end if;
  if place between 1 and 31 then
    r.slot_requests[place] := r.slot_requests[place] + calls;
    r.slot_tokens[place] := r.slot_tokens[place] + tokens;
    r.minute_requests := r.minute_requests + calls;
    r.minute_tokens := r.minute_tokens + tokens;
  end if;
end
$$;

-- Calls that have not ended and whose rows are locked are lost: what they had reserved counts as used until somebody knows better.
-- Gives their number.
create function botticelli.lose_calls(calls bigint[], at timestamptz) returns bigint language plpgsql as $$
declare
  number bigint;
begin
  if calls = '{}' then
    return 0;
  end if;
  with lost as (
    delete from botticelli.open_calls where id = any (calls) returning *
  ),
  kept as (
    insert into botticelli.ended_calls
    select
      lost.*, 'lost', at, lost.reserved_input_tokens, lost.reserved_output_tokens, 0, 0, 0, true, lost.reserved_cost_micros
    from lost
  ),
  corrected as (
    insert into botticelli.meter_corrections
    select
      meter, -1, -(reserved_input_tokens + reserved_output_tokens), -reserved_cost_micros, 1,
      reserved_input_tokens + reserved_output_tokens, reserved_cost_micros, reserved_at
    from lost, unnest(meters) as meter
  )
  select count(*) into number from lost;
  return number;
end
$$;

-- Calls whose time is over are lost, up to `most` of them. Gives their number. One that somebody is about to end is let be.
create function botticelli.lose_expired_calls(at timestamptz, most bigint) returns bigint language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return botticelli.lose_calls(array(
    select id from botticelli.open_calls where expires_at <= at order by expires_at limit most for update skip locked
  ), at);
end
$$;

-- Whether a call asks for more than a whole budget has, so that no period can ever hold it.
create function botticelli.is_beyond_budget(b botticelli.budget_usage, tokens bigint, cost bigint) returns boolean
language sql immutable as $$
  select coalesce(cost > b.max_cost_micros, false) or coalesce(tokens > b.max_tokens, false) or coalesce(1 > b.max_calls, false)
$$;

-- The limit of a budget that a call would break, as its caller is told, one that it would always break before others; null when there
-- is none.
create function botticelli.budget_refusal(b botticelli.budget_usage, tokens bigint, cost bigint) returns jsonb
language sql immutable as $$
  select jsonb_build_object(
    'scope', b.scope, 'key', b.key, 'step', b.step, 'period', b.period, 'measure', m.measure, 'used', m.used, 'reserved', m.reserved,
    'asked', m.asked, 'limit', m.max
  )
  from (
    values
      (1, 'cost_micros', b.used_cost_micros, b.reserved_cost_micros, cost, b.max_cost_micros),
      (2, 'tokens', b.used_tokens, b.reserved_tokens, tokens, b.max_tokens),
      (3, 'calls', b.used_calls, b.reserved_calls, 1, b.max_calls)
  ) as m (place, measure, used, reserved, asked, max)
  where m.used + m.reserved > m.max - m.asked
  order by m.asked > m.max desc, m.place
  limit 1
$$;

-- The limits of a budget of which four fifths are used or reserved and that nobody was told of.
create function botticelli.budget_crossings(b botticelli.budget_usage)
returns table (measure text, used bigint, max bigint) language sql immutable as $$
  select m.measure, m.used, m.max
  from (
    values
      ('cost_micros', b.used_cost_micros + b.reserved_cost_micros, b.max_cost_micros, b.alerted_cost_micros),
      ('tokens', b.used_tokens + b.reserved_tokens, b.max_tokens, b.alerted_tokens),
      ('calls', b.used_calls + b.reserved_calls, b.max_calls, b.alerted_calls)
  ) as m (measure, used, max, alerted)
  where m.used >= m.max - m.max / 5 and m.max > 0 and m.alerted is distinct from m.max
$$;

-- When so much has left a bucket's minute that no more than `room` is in it.
create function botticelli.minute_has_room_at(slot bigint, amounts bigint[], room bigint) returns timestamptz language sql immutable as $$
  select to_timestamp((slot + place) * 2)
  from (
    select place, sum(amount) over (order by place desc) - amount as left_over
    from unnest(amounts) with ordinality as slots (amount, place)
  ) as slots
  where left_over <= room
  order by place
  limit 1
$$;

-- What keeps a bucket from letting a call pass for longest, until when, and how far apart those who wait for it can follow one another.
-- A call of more than a minute's tokens waits until nothing else is in the minute. Nobody knows when a call will end: half of what
-- they take is a fair guess.
create function botticelli.bucket_wait(
  r botticelli.rate_buckets, tokens bigint, moment timestamptz, day_zone text, out why text, out until timestamptz, out spacing float8
) language sql stable as $$
  select w.why, w.until, w.spacing
  from (
    values
      (
        'requests_per_minute', 60.0::float8 / r.requests_per_minute,
        case when r.minute_requests >= r.requests_per_minute then
          botticelli.minute_has_room_at(r.slot, r.slot_requests::bigint[], r.requests_per_minute - 1)
        end
      ),
      (
        'tokens_per_minute', 60.0::float8 * tokens / r.tokens_per_minute,
        case when r.minute_tokens > 0 and r.minute_tokens > r.tokens_per_minute - tokens then
          botticelli.minute_has_room_at(r.slot, r.slot_tokens, greatest(r.tokens_per_minute - tokens, 0))
        end
      ),
      (
        'requests_per_day', 0,
        case when r.day_requests >= r.requests_per_day then botticelli.period_end('day', moment, day_zone) end
      ),
      (
        'concurrency', r.call_seconds / r.concurrency,
        case when r.running >= r.concurrency then
          moment + make_interval(secs => least(greatest(r.call_seconds / 2, 0.1), 30))
        end
      )
  ) as w (why, spacing, until)
  where w.until is not null
  order by w.until desc
  limit 1
$$;

-- Reserves calls, one after the other: each is `granted`, with its id and when it is lost; or it is to `wait` until when; or it is
-- `refused` until when, if that ever ends. A granted one is durable when this returns; any other holds nothing. The alerts are of
-- budgets that came to four fifths of a limit.
--
-- Meters are numbered from 1, budgets first, in the order in which all lock them: the most wanted last. Call `n` is counted by the
-- `counted_by` up to `counted_ends[n]`, from the end of those of the call before.
--
-- The meters of a call are everybody's. With their locks held until the disk has the commit there could be only as many reservations
-- in a second as the disk can write; so the first transaction gives the locks up without waiting for the disk, and a second one,
-- which holds none, waits for it together with all others.
create procedure botticelli.reserve_calls(
  job_ids bigint[], attempts integer[], runs text[], actors text[], narratives text[], acts text[], steps text[],
  providers text[], key_names text[], models text[], prompt_hashes text[],
  input_tokens bigint[], output_tokens bigint[], costs bigint[], holds float8[], counted_by integer[], counted_ends integer[],
  scopes text[], budget_keys text[], budget_steps text[], periods text[], zones text[],
  max_tokens bigint[], max_calls bigint[], max_costs bigint[],
  bucket_providers text[], bucket_keys text[], bucket_models text[], bucket_narratives text[],
  requests_per_minute bigint[], tokens_per_minute bigint[], requests_per_day bigint[], day_zones text[], concurrency bigint[],
  inout moment timestamptz, inout outcomes text[], inout calls bigint[], inout untils timestamptz[], inout details jsonb[],
  inout alerts jsonb[]
) language plpgsql as $$
#variable_conflict use_variable
declare
  given constant timestamptz := moment;
  budgets constant integer := cardinality(scopes);
  buckets constant integer := cardinality(bucket_providers);
  ignored text;
  -- The rows of the meters, locked, and their ids.
  usages botticelli.budget_usage[];
  rates botticelli.rate_buckets[];
  ids bigint[];
  b botticelli.budget_usage;
  r botticelli.rate_buckets;
  part record;
  is_changed boolean := false;
  has_granted boolean := false;
  meter integer;
  throttled boolean;
  first_counted integer := 1;
  tokens bigint;
  outcome text;
  until timestamptz;
  opens_at timestamptz;
  detail jsonb;
  blocked record;
  blocker integer;
  -- By the number of the call, where its meters' ids are; by that of the budget, which call it counted last.
  counted_ids bigint[] := '{}';
  last_call integer[] := '{}';
begin
  outcomes := '{}';
  calls := '{}';
  untils := '{}';
  details := '{}';
  alerts := '{}';
  loop
    -- One plan each, the one that follows the indexes, whatever the statistics say.
    ignored := set_config('synchronous_commit', 'off', true) || set_config('plan_cache_mode', 'force_generic_plan', true)
      || set_config('enable_seqscan', 'off', true) || set_config('enable_bitmapscan', 'off', true)
      || set_config('enable_hashjoin', 'off', true) || set_config('enable_mergejoin', 'off', true);
    moment := coalesce(given, clock_timestamp());
    usages := '{}';
    rates := '{}';
    ids := '{}';
    if budgets > 0 then
      -- Of an act or a run there is mostly none yet. These come first in the order of the locks, so nothing is held meanwhile.
      if scopes[1] in ('act', 'run') then
        perform botticelli.open_meters(moment, scopes, budget_keys, budget_steps, periods, zones, '{}', '{}', '{}', '{}');
      end if;
      -- Locked one by one in the order of the list: a sub-query that locks is done for each row as it comes.
      for b in
        select u.*
        from unnest(scopes, budget_keys, budget_steps, periods, zones) as asked (scope, key, step, period, zone)
          cross join lateral (
            select * from botticelli.budget_usage u
            where u.scope = asked.scope and u.key = asked.key and u.step = asked.step and u.period = asked.period
              and u.starts_at = case asked.period
                when 'none' then '-infinity' else date_trunc(asked.period, moment at time zone asked.zone) at time zone asked.zone end
            for update
          ) as u
      loop
        ids := ids || b.id;
        is_changed := is_changed or (b.max_tokens, b.max_calls, b.max_cost_micros)
          is distinct from (max_tokens[cardinality(ids)], max_calls[cardinality(ids)], max_costs[cardinality(ids)]);
        b.max_tokens := max_tokens[cardinality(ids)];
        b.max_calls := max_calls[cardinality(ids)];
        b.max_cost_micros := max_costs[cardinality(ids)];
        b.changed_at := moment;
        usages := usages || b;
      end loop;
    end if;
    if buckets > 0 and cardinality(ids) = budgets then
      for r in
        select k.*
        from unnest(bucket_providers, bucket_keys, bucket_models, bucket_narratives) as asked (provider, key_name, model, narrative)
          cross join lateral (
            select * from botticelli.rate_buckets k
            where k.provider = asked.provider and k.key_name = asked.key_name and k.model = asked.model
              and k.narrative = asked.narrative
            for update
          ) as k
      loop
        rates := rates || r;
        ids := ids || r.id;
      end loop;
    end if;
    exit when cardinality(ids) = budgets + buckets;
    rollback;
    perform botticelli.open_meters(
      moment, scopes, budget_keys, budget_steps, periods, zones, bucket_providers, bucket_keys, bucket_models, bucket_narratives
    );
    commit;
  end loop;

  -- Under the locks, so that time never goes back from one reservation to the next.
  moment := coalesce(given, clock_timestamp());
  for n in 1..buckets loop
    r := botticelli.advance_bucket(rates[n], moment, case when day_zones[n] is not null then
      date_trunc('day', moment at time zone day_zones[n]) at time zone day_zones[n] end);
    r.requests_per_minute := requests_per_minute[n];
    r.tokens_per_minute := tokens_per_minute[n];
    r.requests_per_day := requests_per_day[n];
    r.concurrency := concurrency[n];
    r.changed_at := moment;
    if r.running >= r.concurrency and r.swept_at not between moment - interval '1 second' and moment then
      perform botticelli.lose_expired_calls(moment, 100);
      r.swept_at := moment;
      is_changed := true;
    end if;
    rates[n] := r;
  end loop;
  -- What ended is read under the locks, so nobody else can be about to add it.
  for part in
    with gone as (
      delete from botticelli.meter_corrections c where c.meter = any (ids) returning c.*
    )
    select
      gone.meter, floor(extract(epoch from gone.reserved_at) / 2)::bigint as slot, sum(gone.used_tokens) as used_tokens,
      sum(gone.used_calls) as used_calls, sum(gone.used_cost_micros) as used_cost_micros, sum(gone.reserved_tokens) as reserved_tokens,
      sum(gone.reserved_calls) as reserved_calls, sum(gone.reserved_cost_micros) as reserved_cost_micros,
      min(gone.reserved_at) as reserved_at, avg(gone.seconds) as seconds
    from gone
    group by 1, 2
  loop
    is_changed := true;
    meter := array_position(ids, part.meter);
    if meter <= budgets then
      b := usages[meter];
      b.used_tokens := b.used_tokens + part.used_tokens;
      b.used_calls := b.used_calls + part.used_calls;
      b.used_cost_micros := b.used_cost_micros + part.used_cost_micros;
      b.reserved_tokens := b.reserved_tokens + part.reserved_tokens;
      b.reserved_calls := b.reserved_calls + part.reserved_calls;
      b.reserved_cost_micros := b.reserved_cost_micros + part.reserved_cost_micros;
      usages[meter] := b;
    else
      rates[meter - budgets] := botticelli.add_to_bucket(
        rates[meter - budgets], part.reserved_at, (part.used_calls + part.reserved_calls)::bigint,
        (part.used_tokens + part.reserved_tokens)::bigint, part.reserved_calls::bigint, part.seconds
      );
    end if;
  end loop;
  throttled := exists (select from botticelli.rate_throttles t where t.until > moment);

  for n in 1..cardinality(runs) loop
    tokens := input_tokens[n] + output_tokens[n];
    outcome := 'granted';
    until := null;
    detail := null;
    blocker := null;
    foreach meter in array counted_by[first_counted:counted_ends[n]] loop
      if meter <= budgets then
        b := usages[meter];
        if b.used_tokens + b.reserved_tokens > b.max_tokens - tokens or b.used_calls + b.reserved_calls > b.max_calls - 1
          or b.used_cost_micros + b.reserved_cost_micros > b.max_cost_micros - costs[n]
        then
          -- Of several that refuse, the one that does so for longest. One that the call is too great for never lets it pass.
          opens_at := case when not botticelli.is_beyond_budget(b, tokens, costs[n]) then b.ends_at end;
          if outcome <> 'refused' or coalesce(opens_at, 'infinity') > coalesce(until, 'infinity') then
            outcome := 'refused';
            until := opens_at;
            detail := botticelli.budget_refusal(b, tokens, costs[n]);
          end if;
        end if;
      elsif outcome <> 'refused' then
        r := rates[meter - budgets];
        if r.minute_requests >= r.requests_per_minute or r.minute_tokens > 0 and r.minute_tokens > r.tokens_per_minute - tokens
          or r.day_requests >= r.requests_per_day or r.running >= r.concurrency
        then
          outcome := 'wait';
          select w.* into blocked from botticelli.bucket_wait(r, tokens, moment, day_zones[meter - budgets]) as w;
          if until is null or blocked.until > until then
            until := blocked.until;
            detail := jsonb_build_object('why', blocked.why, 'key_name', r.key_name, 'model', r.model, 'narrative', r.narrative);
            blocker := meter - budgets;
            -- Who waits gets a turn after the last one who does, or all would come at once for what is enough for one. Not much later
            -- though: some of those may have given up.
            until := greatest(until, least(r.turn_at + make_interval(secs => blocked.spacing), until + interval '5 minutes'));
          end if;
        end if;
      end if;
    end loop;
    if throttled and outcome <> 'refused' then
      select max(t.until) as until into blocked from botticelli.rate_throttles t
      where t.provider = providers[n] and t.key_name in ('', key_names[n]) and t.model in ('', models[n]) and t.until > moment;
      if blocked.until > coalesce(until, '-infinity') then
        outcome := 'wait';
        until := blocked.until;
        detail := '{"why": "throttle"}';
        blocker := null;
      end if;
    end if;
    if blocker is not null then
      r := rates[blocker];
      r.turn_at := until;
      rates[blocker] := r;
      is_changed := true;
    end if;
    calls[n] := null;
    if outcome = 'granted' then
      is_changed := true;
      until := moment + make_interval(secs => holds[n]);
      has_granted := true;
      calls[n] := nextval('botticelli.model_call_ids');
      for counted in first_counted..counted_ends[n] loop
        meter := counted_by[counted];
        counted_ids[counted] := ids[meter];
        if meter <= budgets then
          b := usages[meter];
          b.reserved_tokens := b.reserved_tokens + tokens;
          b.reserved_calls := b.reserved_calls + 1;
          b.reserved_cost_micros := b.reserved_cost_micros + costs[n];
          usages[meter] := b;
          last_call[meter] := n;
        else
          r := rates[meter - budgets];
          r.slot_requests[31] := r.slot_requests[31] + 1;
          r.slot_tokens[31] := r.slot_tokens[31] + tokens;
          r.minute_requests := r.minute_requests + 1;
          r.minute_tokens := r.minute_tokens + tokens;
          r.day_requests := r.day_requests + 1;
          r.running := r.running + 1;
          rates[meter - budgets] := r;
        end if;
      end loop;
    end if;
    outcomes[n] := outcome;
    untils[n] := until;
    details[n] := detail;
    first_counted := counted_ends[n] + 1;
  end loop;

  for n in 1..budgets loop
    b := usages[n];
    if last_call[n] is not null and (
      b.used_tokens + b.reserved_tokens >= b.max_tokens - b.max_tokens / 5 and b.alerted_tokens is distinct from b.max_tokens
      or b.used_calls + b.reserved_calls >= b.max_calls - b.max_calls / 5 and b.alerted_calls is distinct from b.max_calls
      or b.used_cost_micros + b.reserved_cost_micros >= b.max_cost_micros - b.max_cost_micros / 5
        and b.alerted_cost_micros is distinct from b.max_cost_micros
    ) then
      for part in select crossed.* from botticelli.budget_crossings(b) as crossed loop
        insert into botticelli.budget_alerts (budget, measure, max, used, crossed_at)
        values (b.id, part.measure, part.max, part.used, moment)
        on conflict do nothing;
        if found then
          alerts := alerts || jsonb_build_object(
            'call', calls[last_call[n]], 'scope', b.scope, 'key', b.key, 'step', b.step, 'period', b.period,
            'measure', part.measure, 'used', part.used, 'limit', part.max);
        end if;
        b.alerted_tokens := case part.measure when 'tokens' then part.max else b.alerted_tokens end;
        b.alerted_calls := case part.measure when 'calls' then part.max else b.alerted_calls end;
        b.alerted_cost_micros := case part.measure when 'cost_micros' then part.max else b.alerted_cost_micros end;
      end loop;
      usages[n] := b;
    end if;
  end loop;

  if is_changed then
    insert into botticelli.open_calls (
      id, job_id, attempt, run, actor, narrative, act, step, provider, key_name, model, prompt_hash, meters, reserved_input_tokens,
      reserved_output_tokens, reserved_cost_micros, reserved_at, expires_at
    )
    select
      calls[n], job_ids[n], attempts[n], runs[n], actors[n], narratives[n], acts[n], steps[n], providers[n], key_names[n], models[n],
      prompt_hashes[n], counted_ids[coalesce(counted_ends[n - 1], 0) + 1:counted_ends[n]], input_tokens[n], output_tokens[n], costs[n],
      moment, untils[n]
    from generate_series(1, cardinality(runs)) as n
    where calls[n] is not null;
    update botticelli.budget_usage u set
      used_tokens = now.used_tokens, used_calls = now.used_calls, used_cost_micros = now.used_cost_micros,
      reserved_tokens = now.reserved_tokens, reserved_calls = now.reserved_calls, reserved_cost_micros = now.reserved_cost_micros,
      max_tokens = now.max_tokens, max_calls = now.max_calls, max_cost_micros = now.max_cost_micros, alerted_tokens = now.alerted_tokens,
      alerted_calls = now.alerted_calls, alerted_cost_micros = now.alerted_cost_micros, changed_at = now.changed_at
    from unnest(usages) as now
    where u.id = now.id;
    update botticelli.rate_buckets k set
      slot = now.slot, slot_requests = now.slot_requests, slot_tokens = now.slot_tokens, minute_requests = now.minute_requests,
      minute_tokens = now.minute_tokens, day_at = now.day_at, day_requests = now.day_requests, running = now.running,
      call_seconds = now.call_seconds, turn_at = now.turn_at, swept_at = now.swept_at, requests_per_minute = now.requests_per_minute,
      tokens_per_minute = now.tokens_per_minute, requests_per_day = now.requests_per_day, concurrency = now.concurrency,
      changed_at = now.changed_at
    from unnest(rates) as now
    where k.id = now.id;
  end if;
  commit;
  if has_granted then
    -- The least that makes a commit wait for the disk.
    perform pg_logical_emit_message(true, 'ledger', '');
  end if;
end
$$;

-- Ends a call as `settled`, `failed` or `released`, with what it used: what it had reserved where that is null. Gives the state that it
-- was in: `reserved` or `lost`; when it has ended otherwise, that state, and nothing has changed; null when there is no such call.
-- Belongs into the transaction that makes use of the answer. Waits for nobody but another who ends the same call.
create function botticelli.end_call(
  call bigint, new_state text, input_tokens bigint, output_tokens bigint, cached_input_tokens bigint, cache_write_tokens bigint,
  reasoning_tokens bigint, is_estimated boolean, cost_micros bigint, error_class text, request_id text, at timestamptz
) returns text language plpgsql
set enable_seqscan = off as $$
#variable_conflict use_variable
declare
  moment constant timestamptz := coalesce(at, clock_timestamp());
  is_known constant boolean := input_tokens is not null;
  counts constant integer := case new_state when 'released' then 0 else 1 end;
  o botticelli.open_calls;
  e botticelli.ended_calls;
  used bigint;
  spent bigint;
begin
  delete from botticelli.open_calls c where c.id = call returning * into o;
  if found then
    used := case when is_known then input_tokens + output_tokens else o.reserved_input_tokens + o.reserved_output_tokens end;
    spent := case when is_known then cost_micros else o.reserved_cost_micros end;
    insert into botticelli.ended_calls
    select
      o.*, new_state, moment, coalesce(input_tokens, o.reserved_input_tokens), coalesce(output_tokens, o.reserved_output_tokens),
      coalesce(cached_input_tokens, 0), coalesce(cache_write_tokens, 0), coalesce(reasoning_tokens, 0),
      is_estimated or not is_known, spent, error_class, request_id;
    insert into botticelli.meter_corrections
    select
      meter, -1, -(o.reserved_input_tokens + o.reserved_output_tokens), -o.reserved_cost_micros, counts, used, spent, o.reserved_at,
      case when counts = 1 then greatest(extract(epoch from moment - o.reserved_at), 0) end
    from unnest(o.meters) as meter;
    return 'reserved';
  end if;
  select * into e from botticelli.ended_calls c where c.id = call for update;
  if e.state = 'lost' then
    used := case when is_known then input_tokens + output_tokens else e.input_tokens + e.output_tokens end;
    spent := case when is_known then cost_micros else e.cost_micros end;
    insert into botticelli.meter_corrections
    select meter, 0, 0, 0, counts - 1, used - e.input_tokens - e.output_tokens, spent - e.cost_micros, e.reserved_at
    from unnest(e.meters) as meter;
    update botticelli.ended_calls c set
      state = new_state, ended_at = moment, input_tokens = coalesce(input_tokens, e.input_tokens),
      output_tokens = coalesce(output_tokens, e.output_tokens), cached_input_tokens = coalesce(cached_input_tokens, 0),
      cache_write_tokens = coalesce(cache_write_tokens, 0), reasoning_tokens = coalesce(reasoning_tokens, 0),
      is_estimated = is_estimated or not is_known, cost_micros = spent, error_class = error_class, request_id = request_id
    where c.id = call;
  end if;
  return e.state;
end
$$;

-- Every call that is on record, as one row.
create view botticelli.model_calls as
select
  o.*, 'reserved'::text as state, null::timestamptz as ended_at, null::bigint as input_tokens, null::bigint as output_tokens,
  null::bigint as cached_input_tokens, null::bigint as cache_write_tokens, null::bigint as reasoning_tokens,
  null::boolean as is_estimated, null::bigint as cost_micros, null::text as error_class, null::text as request_id
from botticelli.open_calls o
union all
select * from botticelli.ended_calls;

-- Calls of earlier attempts of a job that have not ended are lost at once: the job has come back, so nobody is there to end them. Gives
-- those that are lost.
create function botticelli.lose_calls_before(job bigint, before_attempt integer, at timestamptz)
returns setof botticelli.model_calls language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  lost bigint[];
begin
  lost := array(
    select o.id from botticelli.open_calls o where o.job_id = job and o.attempt < before_attempt order by o.id for update skip locked
  );
  perform botticelli.lose_calls(lost, coalesce(at, clock_timestamp()));
  return query
  select c.* from botticelli.model_calls c where c.job_id = job and c.attempt < before_attempt and c.state = 'lost' order by c.id;
end
$$;

-- Adds to meters what calls left that ended, up to `most` meters behind `after`: reservations do so by themselves, but of a meter that
-- no call asks for any more. Waits for nobody, and not for the disk either: what a crash undoes is there to be added again. Gives how
-- many meters it added to and the last one that it came to, which is null when there are no more.
create function botticelli.fold_corrections(at timestamptz, after bigint, most bigint, out folded bigint, out last bigint)
language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_variable
declare
  wanted bigint;
  r botticelli.rate_buckets;
  part record;
begin
  perform set_config('synchronous_commit', 'off', true);
  folded := 0;
  for wanted in
    select c.meter from botticelli.meter_corrections c where c.meter > after group by c.meter order by c.meter limit most
  loop
    last := wanted;
    perform from botticelli.budget_usage b where b.id = wanted for update skip locked;
    if found then
      with gone as (
        delete from botticelli.meter_corrections c where c.meter = wanted returning c.*
      ),
      ended as (
        select
          sum(used_tokens)::bigint as used_tokens, sum(used_calls)::bigint as used_calls,
          sum(used_cost_micros)::bigint as used_cost_micros, sum(reserved_tokens)::bigint as reserved_tokens,
          sum(reserved_calls)::bigint as reserved_calls, sum(reserved_cost_micros)::bigint as reserved_cost_micros
        from gone
      )
      update botticelli.budget_usage b set
        used_tokens = b.used_tokens + ended.used_tokens, used_calls = b.used_calls + ended.used_calls,
        used_cost_micros = b.used_cost_micros + ended.used_cost_micros, reserved_tokens = b.reserved_tokens + ended.reserved_tokens,
        reserved_calls = b.reserved_calls + ended.reserved_calls,
        reserved_cost_micros = b.reserved_cost_micros + ended.reserved_cost_micros
      from ended where b.id = wanted and ended.used_calls is not null;
      folded := folded + 1;
      continue;
    end if;
    select * into r from botticelli.rate_buckets b where b.id = wanted for update skip locked;
    if found then
      -- Under its lock, as by a reservation: time does not go back from one to the other, unless the clock does.
      r := botticelli.advance_bucket(r, coalesce(at, clock_timestamp()), null);
      for part in
        with gone as (
          delete from botticelli.meter_corrections c where c.meter = wanted returning c.*
        )
        select
          min(gone.reserved_at) as reserved_at, sum(gone.used_calls + gone.reserved_calls)::bigint as calls,
          sum(gone.used_tokens + gone.reserved_tokens)::bigint as tokens, sum(gone.reserved_calls)::bigint as running,
          avg(gone.seconds) as seconds
        from gone
        group by floor(extract(epoch from gone.reserved_at) / 2)
      loop
        r := botticelli.add_to_bucket(r, part.reserved_at, part.calls, part.tokens, part.running, part.seconds);
      end loop;
      update botticelli.rate_buckets b set
        slot = r.slot, slot_requests = r.slot_requests, slot_tokens = r.slot_tokens, minute_requests = r.minute_requests,
        minute_tokens = r.minute_tokens, day_requests = r.day_requests, running = r.running, call_seconds = r.call_seconds
      where b.id = wanted;
      folded := folded + 1;
    elsif not exists (select from botticelli.budget_usage b where b.id = wanted)
      and not exists (select from botticelli.rate_buckets b where b.id = wanted)
    then
      -- Of a meter that was pruned.
      delete from botticelli.meter_corrections c where c.meter = wanted;
    end if;
  end loop;
end
$$;

-- Lets go of calls that were reserved more than `keep` days ago and are over, up to `most`, once they are added up by day; and of what
-- was used of budgets whose period ended as long ago, or whose run has not been heard of since, and for a week at least. Gives how many
-- rows went. One who prunes at a time; waits for nobody.
create function botticelli.prune_calls(keep integer, at timestamptz, most bigint) returns bigint language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  calls bigint;
  budgets bigint[];
begin
  if not pg_try_advisory_xact_lock(hashtextextended('botticelli.prune_calls', 0)) then
    return 0;
  end if;
  with old as (
    select id from botticelli.ended_calls
    where (reserved_at at time zone 'UTC')::date < (at at time zone 'UTC')::date - keep
    order by (reserved_at at time zone 'UTC')::date limit most for update skip locked
  ),
  gone as (
    delete from botticelli.ended_calls where id in (select id from old) returning *
  ),
  added as (
    insert into botticelli.llm_usage_days as d
    select
      (reserved_at at time zone 'UTC')::date, actor, provider, model, count(*), count(*) filter (where state = 'failed'),
      count(*) filter (where state = 'lost'), sum(input_tokens), sum(output_tokens), sum(cached_input_tokens),
      sum(cache_write_tokens), sum(reasoning_tokens), sum(cost_micros)
    from gone where state <> 'released'
    group by 1, 2, 3, 4
    on conflict (day, actor, provider, model) do update set
      calls = d.calls + excluded.calls, failed_calls = d.failed_calls + excluded.failed_calls,
      lost_calls = d.lost_calls + excluded.lost_calls, input_tokens = d.input_tokens + excluded.input_tokens,
      output_tokens = d.output_tokens + excluded.output_tokens, cached_input_tokens = d.cached_input_tokens + excluded.cached_input_tokens,
      cache_write_tokens = d.cache_write_tokens + excluded.cache_write_tokens,
      reasoning_tokens = d.reasoning_tokens + excluded.reasoning_tokens, cost_micros = d.cost_micros + excluded.cost_micros
  )
  select count(*) into calls from gone;
  budgets := array(
    select b.id from botticelli.budget_usage b
    where (b.ends_at is not null or b.scope in ('act', 'run')) and b.opened_at < at - make_interval(days => keep)
      and coalesce(b.ends_at, b.changed_at) < at - make_interval(days => keep)
      -- A run may wait for days, and would begin anew.
      and (b.scope not in ('act', 'run') or b.changed_at < at - interval '7 days') and b.reserved_calls = 0
      and not exists (select from botticelli.meter_corrections c where c.meter = b.id)
    order by b.opened_at limit most for update skip locked
  );
  delete from botticelli.budget_alerts where budget = any (budgets);
  delete from botticelli.budget_usage where id = any (budgets);
  delete from botticelli.rate_throttles where until < at - interval '1 day';
  return calls + cardinality(budgets);
end
$$;

-- What calls that are over have used and cost, by the day (UTC) on which they were reserved. Those that were never sent are not there.
create view botticelli.llm_usage as
select
  day, actor, provider, model, sum(calls)::bigint as calls, sum(failed_calls)::bigint as failed_calls,
  sum(lost_calls)::bigint as lost_calls, sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens,
  sum(cached_input_tokens) as cached_input_tokens, sum(cache_write_tokens) as cache_write_tokens,
  sum(reasoning_tokens) as reasoning_tokens, sum(cost_micros) as cost_micros
from (
  select
    (reserved_at at time zone 'UTC')::date as day, actor, provider, model, 1::bigint as calls,
    (state = 'failed')::integer::bigint as failed_calls, (state = 'lost')::integer::bigint as lost_calls,
    input_tokens::numeric, output_tokens::numeric, cached_input_tokens::numeric, cache_write_tokens::numeric,
    reasoning_tokens::numeric, cost_micros::numeric
  from botticelli.ended_calls
  where state <> 'released'
  union all
  select * from botticelli.llm_usage_days
) as by_day
group by day, actor, provider, model;

-- What is used and reserved of budgets, with the limits as they were last given and the greatest share of any that is used or reserved.
create view botticelli.budget_status as
select
  b.scope, b.key, b.step, b.period, b.starts_at, b.ends_at, now.used_tokens, now.reserved_tokens, b.max_tokens, now.used_calls,
  now.reserved_calls, b.max_calls, now.used_cost_micros, now.reserved_cost_micros, b.max_cost_micros,
  greatest(
    (now.used_tokens + now.reserved_tokens)::float8 / nullif(b.max_tokens, 0),
    (now.used_calls + now.reserved_calls)::float8 / nullif(b.max_calls, 0),
    (now.used_cost_micros + now.reserved_cost_micros)::float8 / nullif(b.max_cost_micros, 0)
  ) as share,
  (select min(a.crossed_at) from botticelli.budget_alerts a where a.budget = b.id) as alerted_at
from botticelli.budget_usage b
  cross join lateral (
    select
      (b.used_tokens + coalesce(sum(c.used_tokens), 0))::bigint as used_tokens,
      (b.used_calls + coalesce(sum(c.used_calls), 0))::bigint as used_calls,
      (b.used_cost_micros + coalesce(sum(c.used_cost_micros), 0))::bigint as used_cost_micros,
      (b.reserved_tokens + coalesce(sum(c.reserved_tokens), 0))::bigint as reserved_tokens,
      (b.reserved_calls + coalesce(sum(c.reserved_calls), 0))::bigint as reserved_calls,
      (b.reserved_cost_micros + coalesce(sum(c.reserved_cost_micros), 0))::bigint as reserved_cost_micros
    from botticelli.meter_corrections c where c.meter = b.id
  ) as now;
