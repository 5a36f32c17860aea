-- $1 worker, $2 claims, $3 places of the completed jobs in each. Gives the claims that were still the worker's.
select claim from botticelli.end_jobs($1, $2, $3::bit varying[], 'completed')
