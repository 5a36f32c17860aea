//! Ending a job that nobody wants any more.

use botticelli_database::{sessionless, sql};
use sqlx::PgPool;

use crate::{JobId, QueueError, WorkerId, refusal::refused};

/// What [`cancel`] has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The job waited, and is among the dead ones as `cancelled`.
    AtOnce,
    /// The job runs. Its worker is told, and however its try ends but for completion or discard, the job does not wait
    /// again.
    Requested,
}

/// Cancels a job for `reason`, in the name of `by`. Asking again changes nothing.
///
/// # Errors
///
/// [`QueueError::Invalid`] when the job is unknown or has ended in another way, [`QueueError::Database`] otherwise.
pub async fn cancel(pool: &PgPool, job: JobId, reason: Option<&str>, by: &str) -> Result<Cancelled, QueueError> {
    let done: String = sqlx::query_scalar(sql("select botticelli.cancel($1, $2, $3)"))
        .bind(job)
        .bind(reason)
        .bind(by)
        .fetch_one(sessionless(pool))
        .await
        .map_err(refused("cancel a job"))?;
    Ok(match done.as_str() {
        "cancelled" => Cancelled::AtOnce,
        _ => Cancelled::Requested,
    })
}

/// The jobs that `worker` runs and that have been cancelled.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn cancelled_of(pool: &PgPool, worker: WorkerId) -> Result<Vec<JobId>, QueueError> {
    sqlx::query_scalar(sql(include_str!("sql/cancelled_of.sql")))
        .bind(worker)
        .fetch_all(pool)
        .await
        .map_err(QueueError::while_doing("look for cancelled jobs"))
}
