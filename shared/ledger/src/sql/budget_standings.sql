select
  scope, key, step, period, ends_at, used_tokens, reserved_tokens, max_tokens, used_calls, reserved_calls, max_calls,
  used_cost_micros, reserved_cost_micros, max_cost_micros, share, alerted_at
from (
  select * from botticelli.budget_status where scope in ('fleet', 'actor')
  union all
  select * from botticelli.budget_status where scope in ('run', 'act') and key = $1
) as wanted
where starts_at <= coalesce($2, clock_timestamp()) and coalesce(ends_at > coalesce($2, clock_timestamp()), true)
order by array_position(array['fleet', 'actor', 'run', 'act'], scope), key, step, period
