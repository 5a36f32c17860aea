//! Letting go of what has been over for long.

use std::time::Duration;

use botticelli_database::sql;
use sqlx::{FromRow, PgPool};

use crate::QueueError;

/// Transactions of one call at most; each deletes 10,000 rows of a table.
const ROUNDS: u32 = 1000;

/// What [`prune`] has deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromRow)]
pub struct Pruned {
    /// Days of history, each as a whole.
    pub days_dropped: i32,
    /// Claims of the history that were in no partition of their day.
    pub claims_deleted: i32,
    /// Jobs that were given up.
    pub dead_deleted: i32,
    /// Keys of unique jobs that hold nothing any more.
    pub keys_deleted: i32,
    /// Cancellations that came too late.
    pub cancellations_deleted: i32,
    /// What jobs had told.
    pub reports_deleted: i32,
    /// Lines of the logs of jobs.
    pub log_lines_deleted: i32,
    /// Workflows that had ended.
    pub workflows_deleted: i32,
    is_done: bool,
}

impl Pruned {
    /// Whether there was nothing to delete.
    pub fn is_nothing(&self) -> bool {
        *self
            == Self {
                is_done: self.is_done,
                ..Self::default()
            }
    }
}

/// Deletes the history of what ended more than `history` ago, and jobs that were given up more than `dead` ago. It goes in
/// small transactions and waits for nobody: what somebody else has locked is left for the next time.
///
/// Any number of processes may call this at the same time; one of them does it.
///
/// # Errors
///
/// [`QueueError::Database`] when a statement fails.
pub async fn prune(pool: &PgPool, history: Duration, dead: Duration) -> Result<Pruned, QueueError> {
    let mut all = Pruned::default();
    for _ in 0..ROUNDS {
        let some: Pruned = sqlx::query_as(sql(
            "select * from botticelli.prune(make_interval(secs => $1), make_interval(secs => $2))",
        ))
        .bind(history.as_secs_f64())
        .bind(dead.as_secs_f64())
        .fetch_one(pool)
        .await
        .map_err(QueueError::while_doing("prune the history"))?;
        all = Pruned {
            days_dropped: all.days_dropped + some.days_dropped,
            claims_deleted: all.claims_deleted + some.claims_deleted,
            dead_deleted: all.dead_deleted + some.dead_deleted,
            keys_deleted: all.keys_deleted + some.keys_deleted,
            cancellations_deleted: all.cancellations_deleted + some.cancellations_deleted,
            reports_deleted: all.reports_deleted + some.reports_deleted,
            log_lines_deleted: all.log_lines_deleted + some.log_lines_deleted,
            workflows_deleted: all.workflows_deleted + some.workflows_deleted,
            is_done: some.is_done,
        };
        if all.is_done {
            break;
        }
    }
    Ok(all)
}
