//! Running a schedule's job now.

use botticelli_database::{sessionless, sql};
use botticelli_queue::{JobId, Source};
use sqlx::PgPool;

use crate::TimetableError;

/// Enqueues the job of a schedule now, beside its ticks, and notes who asked. Windows, blackouts, pauses and overlap are not asked:
/// whoever triggers wants the job. An unknown schedule is refused with those that are known.
///
/// # Errors
///
/// [`TimetableError::Refused`] for an unknown one and for arguments that its queue does not take, [`TimetableError::Database`] when
/// the statement fails.
pub async fn trigger_schedule(pool: &PgPool, name: &str, by: &str, source: Source) -> Result<JobId, TimetableError> {
    let job = sqlx::query_scalar(sql("select botticelli.trigger_schedule($1, $2, $3)"))
        .bind(name)
        .bind(by)
        .bind(source.as_str())
        .fetch_one(sessionless(pool))
        .await
        .map_err(TimetableError::refused)?;
    Ok(JobId(job))
}
