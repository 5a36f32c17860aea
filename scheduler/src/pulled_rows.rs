//! Rows of tables that a job took and will not work on: others get them.
//!
//! A job that a worker gives up gives them back by itself. This is for one that ends without a worker: its worker was lost on
//! the last try, or it was cancelled or has expired while it waited.

use std::time::Duration;

use botticelli_database::{sql, transaction};
use botticelli_queue::{given_up_after, given_up_lately, keep_given_up};
use sqlx::{PgConnection, PgPool};

use crate::MaintenanceError;

/// Jobs of one transaction.
const BATCH: u16 = 10_000;

/// Gives back what jobs hold that were given up within `since`. How many rows they were.
pub(crate) async fn give_back_lately(pool: &PgPool, since: Duration) -> Result<u64, MaintenanceError> {
    let mut transaction = transaction(pool).await?;
    let jobs = given_up_lately(&mut transaction, since).await?;
    let rows = give_back(&mut transaction, &jobs).await?;
    transaction.commit().await?;
    Ok(rows)
}

/// Gives back what any job holds that was given up, however long ago. How many rows they were.
pub(crate) async fn give_back_all(pool: &PgPool) -> Result<u64, MaintenanceError> {
    let (mut rows, mut after) = (0, 0);
    loop {
        let mut transaction = transaction(pool).await?;
        let jobs = given_up_after(&mut transaction, after, BATCH).await?;
        let Some(last) = jobs.last() else {
            return Ok(rows);
        };
        after = *last;
        rows += give_back(&mut transaction, &jobs).await?;
        transaction.commit().await?;
    }
}

async fn give_back(connection: &mut PgConnection, jobs: &[i64]) -> Result<u64, MaintenanceError> {
    if jobs.is_empty() {
        return Ok(0);
    }
    let holding: Vec<i64> = sqlx::query_scalar(sql("select botticelli.jobs_with_pulled($1)"))
        .bind(jobs)
        .fetch_one(&mut *connection)
        .await?;
    if holding.is_empty() {
        return Ok(0);
    }
    // One that is redriven meanwhile may be taking rows again, which are its own.
    let ended = keep_given_up(connection, &holding).await?;
    let rows: i64 = sqlx::query_scalar(sql("select botticelli.give_back_pulled($1)"))
        .bind(&ended)
        .fetch_one(connection)
        .await?;
    if rows > 0 {
        tracing::info!(
            "{} jobs that were given up gave back {rows} rows that they had pulled",
            ended.len()
        );
    }
    Ok(rows.cast_unsigned())
}
