select
  case $1 when 'day' then day::text when 'actor' then actor when 'provider' then provider else model end as key,
  sum(calls)::bigint as calls, sum(failed_calls)::bigint as failed_calls, sum(lost_calls)::bigint as lost_calls,
  least(sum(input_tokens), 9223372036854775807)::bigint as input_tokens,
  least(sum(output_tokens), 9223372036854775807)::bigint as output_tokens,
  least(sum(cached_input_tokens), 9223372036854775807)::bigint as cached_input_tokens,
  least(sum(cache_write_tokens), 9223372036854775807)::bigint as cache_write_tokens,
  least(sum(reasoning_tokens), 9223372036854775807)::bigint as reasoning_tokens,
  least(sum(cost_micros), 9223372036854775807)::bigint as cost_micros
from botticelli.llm_usage
where day between $2 and $3
group by 1
order by case $1 when 'day' then null else sum(cost_micros) end desc nulls last, 1
