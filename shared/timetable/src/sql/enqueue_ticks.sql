-- $1 schedules, $2 when their jobs are due, $3 trace contexts, $4 source. The arguments stay in the database, as they are written.
select botticelli.enqueue_each(
  array_agg(s.queue order by n), array_agg(s.args order by n), array_agg(asked.run_at order by n), array_agg(asked.traceparent order by n), $4
)
from unnest($1::text[], $2::timestamptz[], $3::text[]) with ordinality as asked (name, run_at, traceparent, n)
  join botticelli.schedules s on s.name = asked.name
