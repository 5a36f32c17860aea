//! Executions of attempts that only waited: nobody looks at them once their job has ended, and they are many.

use std::time::Duration;

use botticelli_actors::{forget_interruptions, interrupted_jobs};
use botticelli_database::transaction;
use botticelli_queue::ended_jobs;
use sqlx::PgPool;

use crate::MaintenanceError;

/// How long those of a job are kept that goes on.
const AGE: Duration = Duration::from_hours(7 * 24);
/// Jobs of one look.
const JOBS: u16 = 1000;
/// Rows of one transaction.
const BATCH: u16 = 10_000;

/// Lets go of executions that were interrupted, whose job has ended or which were over a week ago. How many they were.
pub(crate) async fn prune_interruptions(pool: &PgPool) -> Result<u64, MaintenanceError> {
    let (mut all, mut after) = (0, i64::MIN);
    loop {
        let mut transaction = transaction(pool).await?;
        let jobs = interrupted_jobs(&mut transaction, after, JOBS).await?;
        let Some(last) = jobs.last() else {
            return Ok(all);
        };
        let ended = ended_jobs(&mut transaction, &jobs).await?;
        let gone = forget_interruptions(&mut transaction, &jobs, &ended, AGE, BATCH).await?;
        transaction.commit().await?;
        all += gone;
        // Of these jobs there may be more.
        if gone < u64::from(BATCH) {
            after = *last;
        }
    }
}
