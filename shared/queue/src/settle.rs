//! Recording what became of a claimed job: exactly one of these per claim, in the caller's transaction.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};

use crate::{ClaimedJob, JobId, Lease, QueueError, WorkerId};

/// What a failed try led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// Another try follows after this long.
    Later(Duration),
    /// The tries are used up; the job is in the history as `discarded`.
    Exhausted,
}

/// Makes sure that the job is still held under `lease`, and keeps it so until the transaction ends: a rescue waits.
///
/// # Errors
///
/// [`QueueError::LeaseLost`] when it is not, [`QueueError::Database`] when the statement fails.
pub async fn hold(connection: &mut PgConnection, lease: Lease) -> Result<(), QueueError> {
    let held = sqlx::query(
        "select from botticelli.jobs where id = $1 and attempt = $2 and worker_id = $3 and state = 'running' for update",
    )
    .bind(lease.job)
    .bind(lease.attempt)
    .bind(lease.worker)
    .execute(connection)
    .await
    .map_err(QueueError::while_doing("check a job's lease"))?;
    fenced(lease, held.rows_affected())
}

/// The job is done: it moves to the history as `completed`.
///
/// # Errors
///
/// [`QueueError::LeaseLost`] when the lease is gone, [`QueueError::Database`] when the statement fails.
pub async fn complete(connection: &mut PgConnection, lease: Lease) -> Result<(), QueueError> {
    finish(connection, lease, "completed", None).await
}

/// The job can never succeed: it moves to the history as `discarded` with `error`.
///
/// # Errors
///
/// As [`complete`].
pub async fn discard(connection: &mut PgConnection, lease: Lease, error: &str) -> Result<(), QueueError> {
    finish(connection, lease, "discarded", Some(error)).await
}

/// The try failed with `error`: another follows after `delay`, or the job is discarded when its tries are used up.
///
/// # Errors
///
/// As [`complete`].
pub async fn retry(
    connection: &mut PgConnection,
    job: &ClaimedJob,
    delay: Duration,
    error: &str,
) -> Result<Retried, QueueError> {
    if job.is_last_try() {
        discard(connection, job.lease, error).await?;
        return Ok(Retried::Exhausted);
    }
    put_back(connection, job.lease, delay, Some(error), 0).await?;
    Ok(Retried::Later(delay))
}

/// The job asks to run again after `delay` without having used a try.
///
/// # Errors
///
/// As [`complete`].
pub async fn snooze(connection: &mut PgConnection, lease: Lease, delay: Duration) -> Result<(), QueueError> {
    put_back(connection, lease, delay, None, 1).await
}

/// The job was interrupted through no fault of its own: it is due again at once and has not used a try.
///
/// # Errors
///
/// As [`complete`].
pub async fn hand_back(connection: &mut PgConnection, lease: Lease) -> Result<(), QueueError> {
    put_back(connection, lease, Duration::ZERO, None, 1).await
}

/// Hands back the jobs of `queue` that are claimed for `worker` and are not among `in_hand`: those of a claim whose answer
/// was lost. They are due again at once and have not used a try. Gives their number.
///
/// Only the one that claims from `queue` for `worker` knows what is in hand, and it must not claim at the same time.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn put_back_strays(
    pool: &PgPool,
    queue: &str,
    worker: WorkerId,
    in_hand: &[JobId],
) -> Result<u64, QueueError> {
    let in_hand: Vec<i64> = in_hand.iter().map(|job| job.0).collect();
    let strays = sqlx::query(include_str!("sql/put_back_strays.sql"))
        .bind(queue)
        .bind(worker)
        .bind(in_hand)
        .execute(pool)
        .await
        .map_err(QueueError::while_doing("put back jobs whose claim was lost"))?;
    Ok(strays.rows_affected())
}

async fn finish(
    connection: &mut PgConnection,
    lease: Lease,
    state: &str,
    error: Option<&str>,
) -> Result<(), QueueError> {
    let finished = sqlx::query(include_str!("sql/finish.sql"))
        .bind(lease.job)
        .bind(lease.attempt)
        .bind(lease.worker)
        .bind(state)
        .bind(error)
        .execute(connection)
        .await
        .map_err(QueueError::while_doing("finish a job"))?;
    fenced(lease, finished.rows_affected())
}

async fn put_back(
    connection: &mut PgConnection,
    lease: Lease,
    delay: Duration,
    error: Option<&str>,
    interruptions: i32,
) -> Result<(), QueueError> {
    let put_back = sqlx::query(include_str!("sql/put_back.sql"))
        .bind(lease.job)
        .bind(lease.attempt)
        .bind(lease.worker)
        .bind(delay.as_secs_f64())
        .bind(error)
        .bind(interruptions)
        .execute(connection)
        .await
        .map_err(QueueError::while_doing("put a job back"))?;
    fenced(lease, put_back.rows_affected())
}

fn fenced(lease: Lease, rows: u64) -> Result<(), QueueError> {
    match rows {
        1 => Ok(()),
        _ => Err(QueueError::LeaseLost(lease)),
    }
}
