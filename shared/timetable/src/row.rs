//! A schedule as the database keeps it.

use std::{collections::BTreeSet, time::Duration};

use botticelli_database::{sessionless, sql};
use botticelli_schedule::{CatchUp, Overlap, Schedule, TickOffset, TimeWindow, Timing, Zone};
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgExecutor, PgPool};

use crate::{Standing, TimetableError};

/// A row of `schedules`.
#[derive(Debug, Clone, FromRow)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
pub struct ScheduleRow {
    /// The schedule; an actor's has its name.
    pub name: String,
    /// Where its jobs go.
    pub queue: String,
    schedule: String,
    timezone: String,
    jitter: f64,
    catch_up: String,
    catch_up_window: f64,
    overlap: String,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    windows: Vec<String>,
    blackouts: Vec<String>,
    revision: String,
    /// Whether it is an actor's of the settings.
    pub is_configured: bool,
    /// Whether it has ticks at all.
    pub enabled: bool,
    is_paused: bool,
    pause_reason: Option<String>,
    paused_by: Option<String>,
    decided_until: Option<DateTime<Utc>>,
    pub(crate) buffered_tick: Option<DateTime<Utc>>,
    ran_revision: Option<String>,
    /// The job of its last tick that ran.
    pub last_job: Option<i64>,
    /// What was wrong with it when it was looked at last.
    pub problem: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) forgotten_until: Option<DateTime<Utc>>,
    /// Whether it is new, or was changed, since it was looked at last.
    pub(crate) is_changed: bool,
}

impl ScheduleRow {
    /// When it is due.
    ///
    /// # Errors
    ///
    /// What cannot be read of it, with the way out.
    pub fn timing(&self) -> Result<Timing, String> {
        let zone: Zone = self.timezone.parse().map_err(|error| format!("timezone: {error}"))?;
        let schedule: Schedule = self.schedule.parse().map_err(|error| format!("{error}"))?;
        let windows = |name: &str, texts: &[String]| {
            let windows: Result<Vec<TimeWindow>, _> = texts.iter().map(|text| text.parse()).collect();
            windows.map_err(|error| format!("{name}: {error}"))
        };
        Ok(Timing {
            schedule: schedule.in_zone(zone),
            offset: TickOffset::of(&self.name),
            jitter: Duration::try_from_secs_f64(self.jitter).unwrap_or_default(),
            catch_up: CatchUp::named(&self.catch_up).unwrap_or_default(),
            catch_up_window: Duration::try_from_secs_f64(self.catch_up_window).unwrap_or_default(),
            overlap: Overlap::named(&self.overlap).unwrap_or_default(),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            windows: windows("windows", &self.windows)?,
            blackouts: windows("blackouts", &self.blackouts)?,
            revision: self.revision.clone(),
        })
    }

    /// How it stands. `recorded` are its ticks that are on record though they are not decided, `actor_pause` is why the actor of its
    /// queue is paused.
    pub fn standing(&self, is_busy: bool, recorded: BTreeSet<DateTime<Utc>>, actor_pause: Option<&str>) -> Standing {
        let own_pause = self.is_paused.then(|| {
            let by = self.paused_by.as_deref().unwrap_or_default();
            match &self.pause_reason {
                Some(reason) => format!("the schedule was paused by {by}: {reason}"),
                None => format!("the schedule was paused by {by}"),
            }
        });
        Standing {
            decided_until: self.decided_until,
            // On record is the revision that it has now.
            ran_revision: if recorded.contains(&DateTime::UNIX_EPOCH) {
                Some(self.revision.clone())
            } else {
                self.ran_revision.clone()
            },
            paused: own_pause.or_else(|| actor_pause.map(|reason| format!("the actor is paused ({reason})"))),
            is_busy,
            buffered: self.buffered_tick,
            recorded,
            most_counted: Standing::MOST_COUNTED,
        }
    }
}

/// When a schedule is due; `None` when there is none of that name, else what cannot be read of it.
///
/// # Errors
///
/// [`TimetableError::Database`] when the statement fails.
pub async fn find_timing(pool: &PgPool, name: &str) -> Result<Option<Result<Timing, String>>, TimetableError> {
    Ok(find(sessionless(pool), name).await?.map(|row| row.timing()))
}

pub(crate) async fn find(executor: impl PgExecutor<'_>, name: &str) -> Result<Option<ScheduleRow>, TimetableError> {
    Ok(sqlx::query_as(sql(include_str!("sql/find_schedule.sql")))
        .bind(name)
        .persistent(false)
        .fetch_optional(executor)
        .await?)
}
