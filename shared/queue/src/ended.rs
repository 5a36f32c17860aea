//! Which jobs are over, for rooms that keep something under a job's id.

use std::time::Duration;

use botticelli_database::sql;
use sqlx::PgConnection;

use crate::QueueError;

/// Those of `jobs` that neither wait nor run any more.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn ended_jobs(connection: &mut PgConnection, jobs: &[i64]) -> Result<Vec<i64>, QueueError> {
    sqlx::query_scalar(sql("select asked.id from unnest($1::bigint[]) as asked (id)
         where not exists (select from botticelli.jobs where jobs.id = asked.id)"))
    .bind(jobs)
    .fetch_all(connection)
    .await
    .map_err(QueueError::while_doing("look for ended jobs"))
}

/// Those of `jobs` that wait or run.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn unfinished_jobs(connection: &mut PgConnection, jobs: &[i64]) -> Result<Vec<i64>, QueueError> {
    sqlx::query_scalar(sql("select botticelli.unfinished_jobs($1)"))
        .bind(jobs)
        .fetch_all(connection)
        .await
        .map_err(QueueError::while_doing("look for unfinished jobs"))
}

/// Those of `attempts` (job, attempt) that do not run any more.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn ended_attempts(
    connection: &mut PgConnection,
    attempts: &[(i64, i32)],
) -> Result<Vec<(i64, i32)>, QueueError> {
    let (jobs, numbers): (Vec<i64>, Vec<i32>) = attempts.iter().copied().unzip();
    sqlx::query_as(sql(
        "select asked.id, asked.attempt from unnest($1::bigint[], $2::integer[]) as asked (id, attempt)
         where not exists (
           select from botticelli.jobs
           where jobs.id = asked.id and jobs.attempt = asked.attempt and state = 'running'
         )",
    ))
    .bind(jobs)
    .bind(numbers)
    .fetch_all(connection)
    .await
    .map_err(QueueError::while_doing("look for ended attempts"))
}

/// Those that were given up within `since` after they had begun: discarded, cancelled or expired.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn given_up_lately(connection: &mut PgConnection, since: Duration) -> Result<Vec<i64>, QueueError> {
    // By queue, as the index has them.
    sqlx::query_scalar(sql("select dead.id from botticelli.queues
         cross join lateral (
           select id, attempt from botticelli.dead_jobs
           where queue = queues.name and finished_at > now() - make_interval(secs => $1)
         ) as dead
         where dead.attempt > 0"))
    .bind(since.as_secs_f64())
    .fetch_all(connection)
    .await
    .map_err(QueueError::while_doing("look for jobs that were given up"))
}

/// All of those, by their ids: up to `limit` behind the job `after`.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn given_up_after(connection: &mut PgConnection, after: i64, limit: u16) -> Result<Vec<i64>, QueueError> {
    sqlx::query_scalar(sql(
        "select id from botticelli.dead_jobs where id > $1 and attempt > 0 order by id limit $2",
    ))
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await
    .map_err(QueueError::while_doing("look for jobs that were given up"))
}

/// Those of `jobs` that were given up, none of which is redriven before the transaction ends. One that somebody is about to
/// redrive is left out.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn keep_given_up(connection: &mut PgConnection, jobs: &[i64]) -> Result<Vec<i64>, QueueError> {
    sqlx::query_scalar(sql(
        "select id from botticelli.dead_jobs where id = any ($1) order by id for key share skip locked",
    ))
    .bind(jobs)
    .fetch_all(connection)
    .await
    .map_err(QueueError::while_doing("look for jobs that were given up"))
}
