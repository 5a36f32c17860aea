//! The queues themselves.

use botticelli_database::sql;
use sqlx::PgConnection;

use crate::QueueError;

/// Makes a queue known, or updates its kind and default tries. Idempotent; any process may call it at start.
///
/// # Errors
///
/// [`QueueError::Database`] when the row could not be written.
pub async fn register_queue(
    connection: &mut PgConnection,
    name: &str,
    kind: &str,
    max_attempts: u16,
) -> Result<(), QueueError> {
    sqlx::query(sql(
        "insert into botticelli.queues (name, kind, max_attempts) values ($1, $2, $3)
         on conflict (name) do update set kind = excluded.kind, max_attempts = excluded.max_attempts
         where (queues.kind, queues.max_attempts) is distinct from (excluded.kind, excluded.max_attempts)",
    ))
    .bind(name)
    .bind(kind)
    .bind(i32::from(max_attempts))
    .execute(connection)
    .await
    .map_err(QueueError::while_doing("register a queue"))?;
    Ok(())
}

/// Whether a job of this queue runs, is due, or waits for its next try or for other jobs. One that is only due later does not count.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn has_unfinished(connection: &mut PgConnection, queue: &str) -> Result<bool, QueueError> {
    sqlx::query_scalar(sql("select exists (
           select from botticelli.waiting_jobs where queue = $1 and (run_at <= now() or attempt > interruptions))
           or exists (select from botticelli.claims where queue = $1)
           or exists (select from botticelli.pending_jobs where queue = $1)"))
    .bind(queue)
    .fetch_one(connection)
    .await
    .map_err(QueueError::while_doing("look for unfinished jobs"))
}
