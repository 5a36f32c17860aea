//! Running ticks of the past.

use botticelli_database::sql;
use botticelli_queue::{EachJob, Source, enqueue_each};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use crate::{ScheduleRow, TimetableError, row::find};

/// Ticks in one backfill at most.
pub const MOST_BACKFILLED: usize = 1000;

/// What a backfill has done, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backfill {
    /// There is no schedule of that name.
    Unknown,
    /// It cannot be read: why.
    Unreadable(String),
    /// There are more ticks than [`MOST_BACKFILLED`].
    TooMany,
    /// These ticks get a job, which they have not had.
    Ticks(Vec<DateTime<Utc>>),
}

/// Enqueues a job for each tick of a schedule from `from` up to `to`, both included, that has had none: missed, skipped, or of a
/// time before the schedule was known. Only says which, unless it `does` it. Windows, blackouts, pauses and overlap are not
/// asked: whoever backfills wants the jobs.
///
/// # Errors
///
/// [`TimetableError`]; nothing is enqueued then.
pub async fn backfill(
    pool: &PgPool,
    name: &str,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    does: bool,
) -> Result<Backfill, TimetableError> {
    let mut transaction = botticelli_database::begin(pool).await?;
    // So that no scheduler decides the same meanwhile.
    sqlx::query(sql("select from botticelli.schedules where name = $1 for update"))
        .bind(name)
        .persistent(false)
        .execute(&mut *transaction)
        .await?;
    let Some(row) = find(&mut *transaction, name).await? else {
        return Ok(Backfill::Unknown);
    };
    let mut ticks = match ticks(&row, from, to) {
        Ok(Some(ticks)) => ticks,
        Ok(None) => return Ok(Backfill::TooMany),
        Err(problem) => return Ok(Backfill::Unreadable(problem)),
    };
    let ran: Vec<DateTime<Utc>> = sqlx::query_scalar(sql("select tick_at from botticelli.schedule_ticks
         where actor = $1 and revision = '' and tick_at = any ($2) and outcome in ('enqueued', 'buffered')"))
    .bind(name)
    .bind(&ticks)
    .persistent(false)
    .fetch_all(&mut *transaction)
    .await?;
    ticks.retain(|tick| !ran.contains(tick));
    if does && !ticks.is_empty() {
        let jobs: Vec<EachJob<'_>> = ticks
            .iter()
            .map(|tick| EachJob {
                queue: &row.queue,
                args: &row.args,
                run_at: *tick,
                traceparent: None,
            })
            .collect();
        let jobs = enqueue_each(&mut transaction, &jobs, Source::Cli).await?;
        sqlx::query(sql(include_str!("sql/record_backfill.sql")))
            .bind(name)
            .bind(&ticks)
            .bind(jobs)
            .persistent(false)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    Ok(Backfill::Ticks(ticks))
}

/// The ticks from `from` up to `to`; `None` when they are too many.
fn ticks(row: &ScheduleRow, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Option<Vec<DateTime<Utc>>>, String> {
    let timing = row.timing()?;
    let mut ticks = Vec::new();
    let mut tick = timing.next_tick(from - TimeDelta::microseconds(1));
    while let Some(at) = tick.filter(|at| *at <= to) {
        if ticks.len() == MOST_BACKFILLED {
            return Ok(None);
        }
        ticks.push(at);
        tick = timing.next_tick(at);
    }
    Ok(Some(ticks))
}
