//! The replies of a job's finished acts.

use botticelli_database::sql;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use crate::ActorsError;

/// The record of a step that an earlier attempt of the job finished.
///
/// # Errors
///
/// [`ActorsError`] when the row could not be read.
pub async fn load_checkpoint(pool: &PgPool, job_id: i64, step: &str) -> Result<Option<Value>, ActorsError> {
    sqlx::query_scalar(sql(
        "select record from botticelli.act_checkpoints where job_id = $1 and step = $2",
    ))
    .bind(job_id)
    .bind(step)
    .fetch_optional(pool)
    .await
    .map_err(ActorsError::reading)
}

/// Keeps the record of a finished step. The first record of a step stands.
///
/// # Errors
///
/// [`ActorsError`] when the row could not be written.
pub async fn save_checkpoint(
    connection: &mut PgConnection,
    job_id: i64,
    step: &str,
    record: &Value,
) -> Result<(), ActorsError> {
    let checkpoint = Checkpoint { job_id, step, record };
    save_checkpoints(connection, &[checkpoint]).await.map(drop)
}

/// What is kept of a finished step.
#[derive(Debug, Clone, Copy)]
pub struct Checkpoint<'a> {
    /// Whose step it is.
    pub job_id: i64,
    /// Which.
    pub step: &'a str,
    /// What came of it.
    pub record: &'a Value,
}

/// As [`save_checkpoint`] for many, in one statement. Gives the jobs and steps that had no record before.
///
/// # Errors
///
/// As [`save_checkpoint`].
pub async fn save_checkpoints(
    connection: &mut PgConnection,
    checkpoints: &[Checkpoint<'_>],
) -> Result<Vec<(i64, String)>, ActorsError> {
    let jobs: Vec<i64> = checkpoints.iter().map(|checkpoint| checkpoint.job_id).collect();
    let steps: Vec<&str> = checkpoints.iter().map(|checkpoint| checkpoint.step).collect();
    let records: Vec<&Value> = checkpoints.iter().map(|checkpoint| checkpoint.record).collect();
    sqlx::query_as(sql("insert into botticelli.act_checkpoints (job_id, step, record)
         select * from unnest($1::bigint[], $2::text[], $3::jsonb[])
         on conflict (job_id, step) do nothing
         returning job_id, step"))
    .bind(jobs)
    .bind(steps)
    .bind(records)
    .fetch_all(connection)
    .await
    .map_err(ActorsError::writing)
}

/// Removes the record of a step.
///
/// # Errors
///
/// [`ActorsError`] when the row could not be removed.
pub async fn remove_checkpoint(connection: &mut PgConnection, job_id: i64, step: &str) -> Result<(), ActorsError> {
    sqlx::query(sql(
        "delete from botticelli.act_checkpoints where job_id = $1 and step = $2",
    ))
    .bind(job_id)
    .bind(step)
    .execute(connection)
    .await
    .map_err(ActorsError::writing)?;
    Ok(())
}

/// Removes the records of jobs that have ended.
///
/// # Errors
///
/// [`ActorsError`] when the rows could not be removed.
pub async fn clear_checkpoints(connection: &mut PgConnection, job_ids: &[i64]) -> Result<(), ActorsError> {
    if job_ids.is_empty() {
        return Ok(());
    }
    sqlx::query(sql("delete from botticelli.act_checkpoints where job_id = any ($1)"))
        .bind(job_ids)
        .execute(connection)
        .await
        .map_err(ActorsError::writing)?;
    Ok(())
}

/// The jobs with records of finished steps the last of which is older than a minute.
///
/// # Errors
///
/// [`ActorsError`] when the rows could not be read.
pub async fn checkpointed_jobs(connection: &mut PgConnection) -> Result<Vec<i64>, ActorsError> {
    sqlx::query_scalar(sql("select job_id from botticelli.act_checkpoints
         group by job_id having max(recorded_at) < now() - interval '1 minute'"))
    .fetch_all(connection)
    .await
    .map_err(ActorsError::reading)
}
