-- $1 queue, $2 most running, $3 the same per key, $4 rate, $5 its period in seconds, $6 its burst, $7, $8, $9 the same per key.
select botticelli.limit_queue(
  $1, $2::bigint::integer, $3::bigint::integer, $4::bigint::integer, make_interval(secs => $5), $6::bigint::integer,
  $7::bigint::integer, make_interval(secs => $8), $9::bigint::integer
)
