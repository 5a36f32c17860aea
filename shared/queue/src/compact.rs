//! Keeping the tables small through which every job goes.

use botticelli_database::sql;
use sqlx::PgPool;

use crate::QueueError;

/// Gives back the space of jobs that have gone through, where it is much and few jobs are there, and gives the number of tables
/// that were rewritten. Takes no part in what vacuum waits for: an old transaction does not keep it from doing so. Who claims
/// or enqueues waits for some milliseconds meanwhile; a table that is in use for longer is left for the next time.
///
/// Any number of processes may call this at the same time; one of them does it.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn compact(pool: &PgPool) -> Result<u32, QueueError> {
    let compacted: i32 = sqlx::query_scalar(sql("select botticelli.compact()"))
        .fetch_one(pool)
        .await
        .map_err(QueueError::while_doing("compact the queue's tables"))?;
    Ok(u32::try_from(compacted).unwrap_or(0))
}
