//! What is to be known of all schedules at once.

use std::time::Duration;

use botticelli_database::sql;
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool};

use crate::TimetableError;

/// The schedules as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Those of actors that have ticks.
    pub of_actors: Vec<ActorSchedule>,
    /// How many, of all, have been due for long.
    pub overdue: i64,
}

/// When an actor's schedule was and is due.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ActorSchedule {
    /// The actor.
    pub name: String,
    /// The next tick, if there is one to come.
    pub next_tick: Option<DateTime<Utc>>,
    /// The last one that was decided.
    pub last_tick: Option<DateTime<Utc>>,
}

/// Sums up the schedules, and how those of `actors` stand. One that has been due for `long` without being decided is overdue.
///
/// # Errors
///
/// [`TimetableError::Database`] when a statement fails.
pub async fn summary(pool: &PgPool, actors: &[&str], long: Duration) -> Result<Summary, TimetableError> {
    let of_actors = sqlx::query_as(sql(
        "select name, next_tick, last_tick from botticelli.schedules where name = any ($1) and is_configured and enabled",
    ))
    .bind(actors)
    .fetch_all(pool)
    .await?;
    // One that was never decided has no time yet since when it is due.
    let overdue = sqlx::query_scalar(sql("select count(*) from botticelli.schedules
         where next_look < now() - make_interval(secs => $1) and next_look > '-infinity'"))
    .bind(long.as_secs_f64())
    .fetch_one(pool)
    .await?;
    Ok(Summary { of_actors, overdue })
}
