//! How schedules stand, for people.

use botticelli_database::{sessionless, sql};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{FromRow, PgExecutor, PgPool};

use crate::{TickError, plan::Timing, row::ScheduleRow};

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

/// How schedules stand, by name; all, or one.
///
/// # Errors
///
/// [`TickError::Database`] when the statement fails.
pub async fn list_schedules(pool: &PgPool, only: Option<&str>) -> Result<Vec<ScheduleStanding>, TickError> {
    Ok(sqlx::query_as(sql(
        "select name, queue, schedule, timezone, enabled, is_paused, pause_reason, paused_by, next_tick, last_tick, last_outcome,
                last_job, extract(epoch from last_lateness)::float8 as last_lateness_seconds, enqueued, skipped, missed, problem
         from botticelli.schedule_status where $1::text is null or name = $1 order by name",
    ))
    .bind(only)
    .fetch_all(sessionless(pool))
    .await?)
}

/// When a schedule is due; `None` when there is none of that name, else what cannot be read of it.
///
/// # Errors
///
/// [`TickError::Database`] when the statement fails.
pub async fn find_timing(pool: &PgPool, name: &str) -> Result<Option<Result<Timing, String>>, TickError> {
    Ok(find(sessionless(pool), name).await?.map(|row| row.timing()))
}

pub(crate) async fn find(executor: impl PgExecutor<'_>, name: &str) -> Result<Option<ScheduleRow>, TickError> {
    Ok(sqlx::query_as(sql(include_str!("sql/find_schedule.sql")))
        .bind(name)
        .persistent(false)
        .fetch_optional(executor)
        .await?)
}

/// Lets no tick of a schedule run, for a person. An unknown one is refused with those that are known.
///
/// # Errors
///
/// [`TickError::Refused`] for an unknown one, [`TickError::Database`] when the statement fails.
pub async fn pause_schedule(pool: &PgPool, name: &str, reason: Option<&str>, by: &str) -> Result<(), TickError> {
    sqlx::query(sql("select botticelli.pause_schedule($1, $2, $3)"))
        .bind(name)
        .bind(reason)
        .bind(by)
        .execute(sessionless(pool))
        .await
        .map_err(TickError::refused)?;
    Ok(())
}

/// Ends that.
///
/// # Errors
///
/// As [`pause_schedule`].
pub async fn resume_schedule(pool: &PgPool, name: &str) -> Result<(), TickError> {
    sqlx::query(sql("select botticelli.resume_schedule($1)"))
        .bind(name)
        .execute(sessionless(pool))
        .await
        .map_err(TickError::refused)?;
    Ok(())
}
