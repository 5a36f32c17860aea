//! A schedule as the database keeps it.

use std::time::Duration;

use botticelli_schedule::{Schedule, TickOffset, TimeWindow, Zone};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::FromRow;

use crate::plan::{CatchUp, Overlap, Standing, Timing};

/// A row of `schedules`.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct ScheduleRow {
    pub(crate) name: String,
    pub(crate) queue: String,
    pub(crate) args: Value,
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
    pub(crate) is_configured: bool,
    pub(crate) enabled: bool,
    is_paused: bool,
    pause_reason: Option<String>,
    paused_by: Option<String>,
    decided_until: Option<DateTime<Utc>>,
    buffered_tick: Option<DateTime<Utc>>,
    ran_revision: Option<String>,
    pub(crate) last_job: Option<i64>,
}

impl ScheduleRow {
    /// When it is due.
    ///
    /// # Errors
    ///
    /// What cannot be read of it, with the way out.
    pub(crate) fn timing(&self) -> Result<Timing, String> {
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
            catch_up: match self.catch_up.as_str() {
                "none" => CatchUp::None,
                "all" => CatchUp::All,
                _ => CatchUp::Latest,
            },
            catch_up_window: Duration::try_from_secs_f64(self.catch_up_window).unwrap_or_default(),
            overlap: match self.overlap.as_str() {
                "buffer_one" => Overlap::BufferOne,
                "allow" => Overlap::Allow,
                "cancel_other" => Overlap::CancelOther,
                _ => Overlap::Skip,
            },
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            windows: windows("windows", &self.windows)?,
            blackouts: windows("blackouts", &self.blackouts)?,
            revision: self.revision.clone(),
        })
    }

    /// How it stands. `actor_pause` is why the actor of its queue is paused.
    pub(crate) fn standing(&self, is_busy: bool, actor_pause: Option<&str>) -> Standing {
        let own_pause = self.is_paused.then(|| {
            let by = self.paused_by.as_deref().unwrap_or_default();
            match &self.pause_reason {
                Some(reason) => format!("the schedule was paused by {by}: {reason}"),
                None => format!("the schedule was paused by {by}"),
            }
        });
        Standing {
            decided_until: self.decided_until,
            ran_revision: self.ran_revision.clone(),
            paused: own_pause.or_else(|| actor_pause.map(|reason| format!("the actor is paused ({reason})"))),
            is_busy,
            buffered: self.buffered_tick,
        }
    }

    /// The revision that `immediate` is to run for.
    pub(crate) fn revision(&self) -> &str {
        &self.revision
    }
}
