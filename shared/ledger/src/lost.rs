//! Calls that nobody ends.

use botticelli_database::sql;
use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::{CallRecord, JobAttempt, LedgerError};

/// Calls of earlier attempts of a job that have not ended are lost at once: the job has come back, so whoever made them is gone. To be
/// called before the attempt makes a call, so that what the last one left holds no place. Gives every lost call of earlier attempts, for
/// somebody who may know what became of them.
///
/// # Errors
///
/// [`LedgerError::Database`] when the statement fails.
pub async fn lose_calls_before(pool: &PgPool, job: JobAttempt) -> Result<Vec<CallRecord>, LedgerError> {
    sqlx::query_as(sql("select * from botticelli.lose_calls_before($1, $2, null)"))
        .bind(job.job)
        .bind(job.attempt)
        .fetch_all(pool)
        .await
        .map_err(LedgerError::while_doing("look for calls of earlier attempts"))
}

/// Calls whose time is over are lost, up to 1,000; gives their number. For maintenance: reservations that wait for a place look by
/// themselves.
///
/// # Errors
///
/// [`LedgerError::Database`] when the statement fails.
pub async fn lose_expired_calls(pool: &PgPool, at: Option<DateTime<Utc>>) -> Result<u64, LedgerError> {
    let lost: i64 = sqlx::query_scalar(sql(
        "select botticelli.lose_expired_calls(coalesce($1, clock_timestamp()), 1000)",
    ))
    .bind(at)
    .fetch_one(pool)
    .await
    .map_err(LedgerError::while_doing("look for lost calls"))?;
    Ok(lost.cast_unsigned())
}
