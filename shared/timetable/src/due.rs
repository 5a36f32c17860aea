//! Finding what is due.

use std::collections::{BTreeMap, BTreeSet};

use botticelli_database::sql;
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection, PgPool};

use crate::{ScheduleRow, TimetableError};

/// What time it is and when there is something to decide.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct Outlook {
    /// The time.
    pub now: DateTime<Utc>,
    /// How many seconds it is until there is something to decide; `None` when there never will be.
    pub due_in: Option<f64>,
}

/// Looks at the clock, the database's unless one is given, and at the schedules. The only statement of an idle scheduler.
///
/// # Errors
///
/// [`TimetableError::Database`] when it fails.
pub async fn outlook(pool: &PgPool, now: Option<DateTime<Utc>>) -> Result<Outlook, TimetableError> {
    Ok(sqlx::query_as(sql(
        "select clock.now,
                (select case when not isfinite(next_look) then 0 else extract(epoch from next_look - clock.now) end::float8
                 from botticelli.schedules where next_look is not null order by next_look limit 1) as due_in
         from (select coalesce($1, clock_timestamp()) as now) as clock",
    ))
    .bind(now)
    .fetch_one(pool)
    .await?)
}

/// Locks up to `most` schedules that there is something to decide about, the longest due first; or `only` that one. What another
/// has locked is its to decide.
///
/// # Errors
///
/// [`TimetableError::Database`] when it fails.
pub async fn take_due(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    most: i64,
    only: Option<&str>,
) -> Result<Vec<ScheduleRow>, TimetableError> {
    Ok(sqlx::query_as(sql(include_str!("sql/take_due.sql")))
        .bind(now)
        .bind(most)
        .bind(only)
        .fetch_all(connection)
        .await?)
}

/// The names of those that [`take_due`] would take if no other had them.
///
/// # Errors
///
/// [`TimetableError::Database`] when it fails.
pub async fn due_names(pool: &PgPool, now: DateTime<Utc>, most: i64) -> Result<Vec<String>, TimetableError> {
    Ok(sqlx::query_scalar(sql(
        "select name from botticelli.schedules where next_look <= $1 order by next_look limit $2",
    ))
    .bind(now)
    .bind(most)
    .fetch_all(pool)
    .await?)
}

/// Ticks of schedules that are on record though their schedules have not decided them: they were backfilled, or decided by a clock
/// that was wrong. The Unix epoch stands for `immediate`, of the revision that the schedule has.
///
/// # Errors
///
/// [`TimetableError::Database`] when it fails.
pub async fn recorded_ticks(
    connection: &mut PgConnection,
    schedules: &[ScheduleRow],
    now: DateTime<Utc>,
) -> Result<BTreeMap<String, BTreeSet<DateTime<Utc>>>, TimetableError> {
    let names: Vec<&str> = schedules.iter().map(|schedule| schedule.name.as_str()).collect();
    let ticks: Vec<(String, DateTime<Utc>)> = sqlx::query_as(sql(include_str!("sql/recorded_ticks.sql")))
        .bind(names)
        .bind(now)
        .fetch_all(connection)
        .await?;
    let mut recorded = BTreeMap::<_, BTreeSet<_>>::new();
    for (name, tick) in ticks {
        recorded.entry(name).or_default().insert(tick);
    }
    Ok(recorded)
}
