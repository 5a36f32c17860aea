//! How schedules stand, for people.

use botticelli_database::{sessionless, sql};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{FromRow, PgPool};

use crate::TimetableError;

/// How a schedule stands.
#[derive(Debug, Clone, PartialEq, FromRow, Serialize)]
pub struct ScheduleStanding {
    /// The schedule; an actor's has its name.
    pub name: String,
    /// Where its jobs go.
    pub queue: String,
    /// As it is written.
    pub schedule: String,
    /// Its time zone.
    pub timezone: String,
    /// Whether it has ticks at all.
    pub enabled: bool,
    /// Whether its ticks are skipped.
    pub is_paused: bool,
    /// Why, if somebody said so.
    pub pause_reason: Option<String>,
    /// Who paused it.
    pub paused_by: Option<String>,
    /// Its next tick.
    pub next_tick: Option<DateTime<Utc>>,
    /// The last one that was decided.
    pub last_tick: Option<DateTime<Utc>>,
    /// `enqueued`, `skipped`, `missed` or `buffered`.
    pub last_outcome: Option<String>,
    /// The last job.
    pub last_job: Option<i64>,
    /// How many seconds after its tick that was enqueued.
    pub last_lateness_seconds: Option<f64>,
    /// Ticks that led to a job.
    pub enqueued: i64,
    /// Ticks that were skipped.
    pub skipped: i64,
    /// Ticks that came and went while no scheduler ran.
    pub missed: i64,
    /// Why it cannot be read, if it cannot.
    pub problem: Option<String>,
}

/// How schedules stand, by name; so many after so many.
///
/// # Errors
///
/// [`TimetableError::Database`] when the statement fails.
pub async fn list_schedules(pool: &PgPool, limit: i64, offset: i64) -> Result<Vec<ScheduleStanding>, TimetableError> {
    read(pool, None, limit, offset).await
}

/// How one stands; `None` when there is none of that name.
///
/// # Errors
///
/// [`TimetableError::Database`] when the statement fails.
pub async fn find_schedule(pool: &PgPool, name: &str) -> Result<Option<ScheduleStanding>, TimetableError> {
    Ok(read(pool, Some(name), 1, 0).await?.pop())
}

async fn read(
    pool: &PgPool,
    only: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<Vec<ScheduleStanding>, TimetableError> {
    Ok(sqlx::query_as(sql(
        "select name, queue, schedule, timezone, enabled, is_paused, pause_reason, paused_by, next_tick, last_tick, last_outcome,
                last_job, extract(epoch from last_lateness)::float8 as last_lateness_seconds, enqueued, skipped, missed, problem
         from botticelli.schedule_status where $1::text is null or name = $1 order by name limit $2 offset $3",
    ))
    .bind(only)
    .bind(limit)
    .bind(offset)
    .fetch_all(sessionless(pool))
    .await?)
}

/// A tick, or a stretch of missed ones, and what became of it.
#[derive(Debug, Clone, PartialEq, FromRow, Serialize)]
pub struct TickRecord {
    /// The tick; the Unix epoch for `immediate`.
    pub tick_at: DateTime<Utc>,
    /// The last of a stretch.
    pub through: Option<DateTime<Utc>>,
    /// How many they are, counted up to 10,000; up to fewer where many schedules were behind.
    pub ticks: i32,
    /// `enqueued`, `skipped`, `missed` or `buffered`.
    pub outcome: String,
    /// Why it did not run, or by what it did beside its schedule.
    pub reason: Option<String>,
    /// Its job.
    pub job_id: Option<i64>,
    /// When that was decided.
    pub recorded_at: DateTime<Utc>,
}

/// What became of a schedule's ticks, the newest first.
///
/// # Errors
///
/// [`TimetableError::Database`] when the statement fails.
pub async fn list_ticks(pool: &PgPool, name: &str, limit: i64, offset: i64) -> Result<Vec<TickRecord>, TimetableError> {
    Ok(sqlx::query_as(sql(
        "select tick_at, through, ticks, outcome, reason, job_id, recorded_at
         from botticelli.schedule_ticks where actor = $1 order by tick_at desc, recorded_at desc limit $2 offset $3",
    ))
    .bind(name)
    .bind(limit)
    .bind(offset)
    .fetch_all(sessionless(pool))
    .await?)
}

/// Lets no tick of a schedule run, for a person. An unknown one is refused with those that are known.
///
/// # Errors
///
/// [`TimetableError::Refused`] for an unknown one, [`TimetableError::Database`] when the statement fails.
pub async fn pause_schedule(pool: &PgPool, name: &str, reason: Option<&str>, by: &str) -> Result<(), TimetableError> {
    sqlx::query(sql("select botticelli.pause_schedule($1, $2, $3)"))
        .bind(name)
        .bind(reason)
        .bind(by)
        .execute(sessionless(pool))
        .await
        .map_err(TimetableError::refused)?;
    Ok(())
}

/// Ends that.
///
/// # Errors
///
/// As [`pause_schedule`].
pub async fn resume_schedule(pool: &PgPool, name: &str) -> Result<(), TimetableError> {
    sqlx::query(sql("select botticelli.resume_schedule($1)"))
        .bind(name)
        .execute(sessionless(pool))
        .await
        .map_err(TimetableError::refused)?;
    Ok(())
}
