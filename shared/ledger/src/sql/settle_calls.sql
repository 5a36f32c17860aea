-- $1 calls, $2 to $6 their input, output, cached, cache write and reasoning tokens, $7 whether these are estimated, $8 costs, $9 ids of
-- the requests. Gives the calls that are not on record.
select ended.call
from (
  select
    asked.call,
    botticelli.end_call(
      asked.call, 'settled', asked.input, asked.output, asked.cached, asked.written, asked.reasoning, asked.is_estimated, asked.cost,
      null, asked.request_id, null
    ) as state
  from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::boolean[], $8::bigint[], $9::text[])
    as asked (call, input, output, cached, written, reasoning, is_estimated, cost, request_id)
  offset 0
) as ended
where ended.state is null
