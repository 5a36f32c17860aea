//! Ending a job that nobody wants any more.

use std::time::Duration;

use botticelli_database::{Refusal, sessionless, sql};
use sqlx::{Executor, PgConnection, PgPool};

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
    Ok(cancelled(&done))
}

/// As [`cancel`], in the caller's transaction. Whoever has the job in hand just now, as a worker that claims or ends it, is waited for
/// only so long; `None` when that was not enough, and nothing is changed then.
///
/// # Errors
///
/// As [`cancel`]; the caller's transaction may go on after [`QueueError::Invalid`].
pub async fn cancel_within(
    connection: &mut PgConnection,
    job: JobId,
    reason: &str,
    by: &str,
    patience: Duration,
) -> Result<Option<Cancelled>, QueueError> {
    let doing = QueueError::while_doing;
    let limit = format!("{}ms", patience.as_millis());
    connection
        .execute("savepoint before_cancel")
        .await
        .map_err(doing("cancel a job"))?;
    sqlx::query("select set_config('lock_timeout', $1, true)")
        .bind(limit)
        .execute(&mut *connection)
        .await
        .map_err(doing("cancel a job"))?;
    let done: Result<String, _> = sqlx::query_scalar(sql("select botticelli.cancel($1, $2, $3)"))
        .bind(job)
        .bind(reason)
        .bind(by)
        .fetch_one(&mut *connection)
        .await;
    let end = match done {
        Ok(_) => "release savepoint before_cancel; set local lock_timeout to default",
        Err(_) => "rollback to savepoint before_cancel; release savepoint before_cancel",
    };
    connection.execute(end).await.map_err(doing("cancel a job"))?;
    match done {
        Ok(done) => Ok(Some(cancelled(&done))),
        Err(error) if Refusal::of(&error).is_some_and(|refusal| is_wait(&refusal.code)) => Ok(None),
        Err(error) => Err(refused("cancel a job")(error)),
    }
}

/// Whether a SQLSTATE says that others held what was asked for: for too long (55P03), or each the other's (40P01).
fn is_wait(code: &str) -> bool {
    matches!(code, "55P03" | "40P01")
}

fn cancelled(done: &str) -> Cancelled {
    match done {
        "cancelled" => Cancelled::AtOnce,
        _ => Cancelled::Requested,
    }
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
