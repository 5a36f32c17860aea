//! Which jobs are over, for rooms that keep something under a job's id.

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
