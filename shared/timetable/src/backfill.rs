//! Running ticks of the past.

use std::collections::BTreeSet;

use botticelli_database::sql;
use botticelli_queue::Source;
use botticelli_schedule::Timing;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sqlx::{FromRow, PgConnection, PgPool};

use crate::{TimetableError, enqueue::Jobs, row::find};

/// Ticks in one backfill at most.
pub const MOST_BACKFILLED: usize = 1000;

/// What a backfill has done, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backfill {
    /// There is no schedule of that name.
    Unknown,
    /// It cannot be read: why.
    Unreadable(String),
    /// There are more ticks than [`MOST_BACKFILLED`]; this is the last of the first so many.
    TooMany(DateTime<Utc>),
    /// Whether ticks up to this one ran is not on record any more.
    Forgotten(DateTime<Utc>),
    /// These ticks get a job, which they have not had.
    Ticks(Vec<DateTime<Utc>>),
}

/// Ticks on record.
#[derive(FromRow)]
struct Recorded {
    tick_at: DateTime<Utc>,
    through: Option<DateTime<Utc>>,
    outcome: String,
    reason: Option<String>,
}

/// Enqueues a job for each tick of a schedule from `from` up to `to`, both included, that has had none: missed, skipped, or of a
/// time before the schedule was known. Only says which, unless it `does` it. Windows, blackouts, pauses and overlap are not
/// asked: whoever backfills wants the jobs, which are due now. Ticks that are too old to be on record are refused.
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
    let now: Option<DateTime<Utc>> = sqlx::query_scalar(sql(
        "select clock_timestamp() from botticelli.schedules where name = $1 for update",
    ))
    .bind(name)
    .persistent(false)
    .fetch_optional(&mut *transaction)
    .await?;
    let (Some(row), Some(now)) = (find(&mut *transaction, name).await?, now) else {
        return Ok(Backfill::Unknown);
    };
    let timing = match row.timing() {
        Ok(timing) => timing,
        Err(problem) => return Ok(Backfill::Unreadable(problem)),
    };
    let ticks = ticks(&timing, from, to.min(now));
    if let Some(last) = ticks.get(MOST_BACKFILLED - 1).filter(|_| ticks.len() > MOST_BACKFILLED) {
        return Ok(Backfill::TooMany(*last));
    }
    let is_forgotten = |tick: &&DateTime<Utc>| **tick >= row.created_at && Some(**tick) <= row.forgotten_until;
    if let Some(forgotten) = ticks.iter().rfind(is_forgotten) {
        return Ok(Backfill::Forgotten(*forgotten));
    }
    let recorded = recorded(&mut transaction, name, from, to).await?;
    let runs = |recorded: &&Recorded| {
        recorded.outcome == "enqueued"
            || (recorded.outcome == "buffered" && row.buffered_tick == Some(recorded.tick_at))
    };
    let ran: BTreeSet<_> = recorded.iter().filter(runs).map(|recorded| recorded.tick_at).collect();
    let ticks: Vec<_> = ticks.into_iter().filter(|tick| !ran.contains(tick)).collect();
    if does && !ticks.is_empty() {
        for stretch in &recorded {
            take_out(&mut transaction, name, &timing, stretch, &ticks).await?;
        }
        let mut jobs = Jobs::default();
        for _ in &ticks {
            jobs.push(name, now, None);
        }
        let jobs = jobs.enqueue(&mut transaction, Source::Cli).await?;
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

/// The ticks from `from` up to `to`, one more than may be at most.
fn ticks(timing: &Timing, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let first = timing.next_tick(from - TimeDelta::microseconds(1));
    let ticks = std::iter::successors(first, |&tick| timing.next_tick(tick));
    ticks.take_while(|tick| *tick <= to).take(MOST_BACKFILLED + 1).collect()
}

async fn recorded(
    connection: &mut PgConnection,
    name: &str,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<Recorded>, TimetableError> {
    Ok(sqlx::query_as(sql(
        "select tick_at, through, outcome, reason from botticelli.schedule_ticks
         where actor = $1 and tick_at <= $3 and coalesce(through, tick_at) >= $2 and tick_at > 'epoch' and revision = ''",
    ))
    .bind(name)
    .bind(from)
    .bind(to)
    .persistent(false)
    .fetch_all(connection)
    .await?)
}

/// Takes ticks out of a stretch of missed ones: what is left on their sides keeps rows.
async fn take_out(
    connection: &mut PgConnection,
    name: &str,
    timing: &Timing,
    stretch: &Recorded,
    ticks: &[DateTime<Utc>],
) -> Result<(), TimetableError> {
    let Some(through) = stretch.through else { return Ok(()) };
    let taken: BTreeSet<_> = ticks
        .iter()
        .filter(|tick| (stretch.tick_at..=through).contains(tick))
        .collect();
    if taken.is_empty() {
        return Ok(());
    }
    let all = std::iter::successors(Some(stretch.tick_at), |&tick| timing.next_tick(tick));
    let all: Vec<_> = all.take_while(|tick| *tick <= through).collect();
    let left = all.split(|tick| taken.contains(tick)).filter_map(|left| {
        let (first, last) = (left.first()?, left.last()?);
        let through = (left.len() > 1).then_some(last);
        Some(json!({
            "actor": name, "tick_at": first, "revision": "", "outcome": stretch.outcome, "reason": stretch.reason,
            "through": through, "ticks": left.len(),
        }))
    });
    let left: Vec<_> = left.collect();
    sqlx::query(sql(
        "delete from botticelli.schedule_ticks where actor = $1 and tick_at = $2 and revision = ''",
    ))
    .bind(name)
    .bind(stretch.tick_at)
    .persistent(false)
    .execute(&mut *connection)
    .await?;
    sqlx::query(sql(include_str!("sql/record_ticks.sql")))
        .bind(json!(left))
        .persistent(false)
        .execute(connection)
        .await?;
    Ok(())
}
