//! Putting jobs in, always through the SQL function that other languages use too.

use botticelli_database::sql;
use serde_json::Value;
use sqlx::PgConnection;

use crate::{JobId, QueueError, Source, refusal::refused};

/// A job to be enqueued, due at once.
#[derive(Debug, Clone)]
pub struct NewJob<'a> {
    /// The queue, which is the actor's name.
    pub queue: &'a str,
    /// The arguments, an object; what is allowed depends on the actor's kind.
    pub args: Value,
    /// Who asks.
    pub source: Source,
    /// The W3C trace context to go on under.
    pub traceparent: Option<&'a str>,
}

/// Enqueues one job in the caller's transaction: it exists if and when that commits.
///
/// The statement has no name, so a producer's transaction may go through a connection pooler in transaction mode. Without a
/// transaction it needs a session.
///
/// # Errors
///
/// [`QueueError::Invalid`] for an unknown queue or bad arguments, with the way out; [`QueueError::Database`] otherwise.
pub async fn enqueue(connection: &mut PgConnection, job: &NewJob<'_>) -> Result<JobId, QueueError> {
    sqlx::query_scalar(sql(
        "select botticelli.enqueue(queue => $1, args => $2, traceparent => $3, source => $4)",
    ))
    .bind(job.queue)
    .bind(&job.args)
    .bind(job.traceparent)
    .bind(job.source.as_str())
    .persistent(false)
    .fetch_one(connection)
    .await
    .map_err(refused("enqueue a job"))
}

/// Enqueues one job unless one already waits in the queue; `None` when one does. A running one does not count.
///
/// The one that waits is locked until the caller's transaction ends, so it runs after that and sees what it wrote. One that
/// somebody else has locked is about to be claimed and does not count either, nor does one that has a `not_after` and may never
/// be started.
///
/// # Errors
///
/// As [`enqueue`].
pub async fn enqueue_unless_waiting(
    connection: &mut PgConnection,
    job: &NewJob<'_>,
) -> Result<Option<JobId>, QueueError> {
    let waiting = sqlx::query(sql(include_str!("sql/lock_waiting.sql")))
        .bind(job.queue)
        .execute(&mut *connection)
        .await
        .map_err(QueueError::while_doing("look for waiting jobs"))?;
    if waiting.rows_affected() > 0 {
        Ok(None)
    } else {
        enqueue(connection, job).await.map(Some)
    }
}
