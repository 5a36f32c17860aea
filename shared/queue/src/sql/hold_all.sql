-- $1 claims, $2 workers, $3 places of jobs. Says of each, in this order, whether it is the worker's; it stays so until the transaction ends.
with held as materialized (
  select id, worker_id, open from botticelli.claims
  where id = any ($1)
  -- In the order in which jobs are ended.
  order by id
  for update
)
select exists (
  select from held where held.id = asked.claim and held.worker_id = asked.worker and get_bit(held.open, asked.place) = 1
)
from unnest($1::bigint[], $2::uuid[], $3::integer[]) with ordinality as asked (claim, worker, place, ordinal)
order by asked.ordinal
