//! Giving back the jobs of workers that are gone.

use sqlx::{FromRow, PgConnection};

use crate::{JobId, QueueError};

/// A job whose worker is gone.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct RescuedJob {
    /// The job.
    pub id: JobId,
    /// Its queue.
    pub queue: String,
    /// The attempt that was lost.
    pub attempt: i32,
    /// Whether that was the last try, so that the job is in the history as `discarded` instead of due again.
    pub discarded: bool,
}

/// Puts up to `limit` jobs of workers without a lease back in their queues, due at once.
///
/// Any number of processes may call this at the same time; each lost job is rescued by one of them.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn rescue(connection: &mut PgConnection, limit: u16) -> Result<Vec<RescuedJob>, QueueError> {
    sqlx::query_as(include_str!("sql/rescue.sql"))
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await
        .map_err(QueueError::while_doing("rescue jobs of lost workers"))
}
