//! Keeping the tables small.

use botticelli_database::sql;
use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::LedgerError;

/// Rows of one transaction.
const MOST: i64 = 10_000;
/// Meters of one transaction: as long as it takes, reservations may wait for any of them.
const MOST_METERS: i64 = 20;
/// Transactions of one call at most.
const ROUNDS: u32 = 1000;

/// Adds to budgets and buckets what calls left that ended, where no reservation has done so. For maintenance, every minute or so: what is
/// left of runs that are over is not asked for again. Gives how many there were.
///
/// # Errors
///
/// [`LedgerError::Database`] when a statement fails.
pub async fn fold_corrections(pool: &PgPool, at: Option<DateTime<Utc>>) -> Result<u64, LedgerError> {
    let (mut all, mut after) = (0, Some(i64::MIN));
    while let Some(meter) = after {
        let folded: i64;
        (folded, after) = sqlx::query_as(sql("select folded, last from botticelli.fold_corrections($1, $2, $3)"))
            .bind(at)
            .bind(meter)
            .bind(MOST_METERS)
            .fetch_one(pool)
            .await
            .map_err(LedgerError::while_doing("add up what calls have used"))?;
        all += folded.cast_unsigned();
    }
    Ok(all)
}

/// Lets go of calls that were reserved more than `days` ago and are over, which are added up by day before, and of what was used of
/// budgets whose period, or whose run, has been over for as long; of a run, or an act of it, for a week at least. In small transactions; any number of processes may call this at the same
/// time, one of them does it. Gives how many rows went.
///
/// # Errors
///
/// [`LedgerError::Database`] when a statement fails.
pub async fn prune_calls(pool: &PgPool, days: u16, at: Option<DateTime<Utc>>) -> Result<u64, LedgerError> {
    let mut all = 0;
    for _ in 0..ROUNDS {
        let pruned: i64 = sqlx::query_scalar(sql(
            "select botticelli.prune_calls($1, coalesce($2, clock_timestamp()), $3)",
        ))
        .bind(i32::from(days))
        .bind(at)
        .bind(MOST)
        .fetch_one(pool)
        .await
        .map_err(LedgerError::while_doing("prune calls"))?;
        all += pruned.cast_unsigned();
        if pruned == 0 {
            break;
        }
    }
    Ok(all)
}
