//! Keeping the tables small through which every job goes.

use botticelli_database::{sql, transaction};
use futures_util::TryStreamExt;
use sqlx::PgPool;

use crate::QueueError;

/// What a table holds that is rewritten at most, in bytes: it is kept in memory meanwhile, and everybody waits.
const MOST: usize = 16 * 1024 * 1024;
/// Whatever the database's default is: a statement must see what was committed before it had the table for itself.
const FIRST: &str = "set transaction isolation level read committed; set local lock_timeout = '20ms'; set local statement_timeout = '10s'";

/// A table, and how it is told, looked at and rewritten.
struct Table {
    /// Whether it takes much space and holds few rows.
    is_worth_it: &'static str,
    lock: &'static str,
    read: &'static str,
    empty: &'static str,
    write: &'static str,
}

fn tables() -> [Table; 2] {
    [
        Table {
            is_worth_it: sql("select botticelli.waiting_jobs_want_compaction()"),
            lock: sql("lock table botticelli.waiting_jobs in access exclusive mode"),
            read: sql("copy botticelli.waiting_jobs to stdout (format binary)"),
            empty: sql("truncate botticelli.waiting_jobs"),
            write: sql("copy botticelli.waiting_jobs from stdin (format binary, freeze)"),
        },
        Table {
            is_worth_it: sql("select botticelli.claims_want_compaction()"),
            lock: sql("lock table botticelli.claims in access exclusive mode"),
            read: sql("copy botticelli.claims to stdout (format binary)"),
            empty: sql("truncate botticelli.claims"),
            write: sql("copy botticelli.claims from stdin (format binary, freeze)"),
        },
    ]
}

/// Gives back the space of jobs that have gone through, where it is much and few jobs are there, and gives the number of tables
/// that were rewritten. Takes no part in what vacuum waits for: an old transaction does not keep it from doing so. Who claims
/// or enqueues waits for some milliseconds meanwhile; a table that is in use for longer is left for the next time.
///
/// The rows are written as such that every snapshot sees, also older ones: a transaction that began before and looks into the
/// table afterwards finds what there was at the time of the rewriting, and not what there was at its own beginning.
///
/// Any number of processes may call this at the same time; one of them does it.
///
/// # Errors
///
/// [`QueueError::Database`] when a statement fails. The table is as it was then.
pub async fn compact(pool: &PgPool) -> Result<u32, QueueError> {
    let failed = || QueueError::while_doing("compact the queue's tables");
    let mut compacted = 0;
    for table in tables() {
        match rewrite(pool, &table).await {
            Ok(true) => compacted += 1,
            Ok(false) => {}
            // Somebody uses it. There is time.
            Err(error) if is_lock_not_available(&error) => {}
            Err(error) => return Err(failed()(error)),
        }
    }
    Ok(compacted)
}

async fn rewrite(pool: &PgPool, table: &Table) -> Result<bool, sqlx::Error> {
    // Looked at before anybody has to wait.
    if !sqlx::query_scalar(table.is_worth_it).fetch_one(pool).await? {
        return Ok(false);
    }
    let mut transaction = transaction(pool).await?;
    sqlx::raw_sql(FIRST).execute(&mut *transaction).await?;
    let is_alone: bool = sqlx::query_scalar(sql("select pg_try_advisory_xact_lock(hashtext('botticelli.compact'))"))
        .fetch_one(&mut *transaction)
        .await?;
    if !is_alone {
        return Ok(false);
    }
    sqlx::query(table.lock).execute(&mut *transaction).await?;
    let mut rows = Vec::new();
    let mut is_too_much = false;
    let mut reading = transaction.copy_out_raw(table.read).await?;
    // Read to its end in any case, or the connection cannot be used any more.
    while let Some(chunk) = reading.try_next().await? {
        is_too_much |= rows.len() + chunk.len() > MOST;
        if !is_too_much {
            rows.extend_from_slice(&chunk);
        }
    }
    drop(reading);
    if is_too_much {
        transaction.rollback().await?;
        return Ok(false);
    }
    sqlx::query(table.empty).execute(&mut *transaction).await?;
    let mut writing = transaction.copy_in_raw(table.write).await?;
    writing.send(rows).await?;
    writing.finish().await?;
    transaction.commit().await?;
    Ok(true)
}

/// SQLSTATE 55P03.
fn is_lock_not_available(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.code().as_deref() == Some("55P03"))
}
