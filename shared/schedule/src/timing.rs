//! A schedule with everything that decides about its ticks.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{CatchUp, Overlap, Schedule, TickOffset, TimeWindow};

/// When a schedule is due, and what is to become of ticks that come at a bad time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// The due times.
    pub schedule: Schedule,
    /// What shifts its intervals, and its jitter.
    pub offset: TickOffset,
    /// Jobs begin up to so much later than their ticks, each at a time of its own that never changes.
    pub jitter: Duration,
    /// What becomes of ticks that were due while no scheduler ran.
    pub catch_up: CatchUp,
    /// Ticks longer ago than this are missed, whatever `catch_up` says.
    pub catch_up_window: Duration,
    /// What becomes of a tick while the job of the one before waits or runs.
    pub overlap: Overlap,
    /// There are no ticks before.
    pub starts_at: Option<DateTime<Utc>>,
    /// There are no ticks after.
    pub ends_at: Option<DateTime<Utc>>,
    /// Ticks outside of all of these are skipped; none: everything is inside.
    pub windows: Vec<TimeWindow>,
    /// Ticks inside of one of these are skipped.
    pub blackouts: Vec<TimeWindow>,
    /// What `immediate` runs once for: a fingerprint of the configuration.
    pub revision: String,
}

impl Timing {
    /// The earliest tick later than `after`.
    pub fn next_tick(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.schedule
            .next_tick_within(after, self.offset, self.starts_at, self.ends_at)
    }

    /// The latest tick at or before `at`.
    pub fn latest_tick(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let at = self.ends_at.map_or(at, |end| end.min(at));
        let latest = self.schedule.latest_tick(at, self.offset)?;
        self.starts_at.is_none_or(|start| latest >= start).then_some(latest)
    }

    /// Why a tick that is due then is not wanted: it lies outside of the windows, or in a blackout.
    pub fn shut_out(&self, due: DateTime<Utc>) -> Option<String> {
        let zone = self.schedule.zone();
        if !self.windows.is_empty() && !self.windows.iter().any(|window| window.includes(due, zone)) {
            let windows: Vec<&str> = self.windows.iter().map(TimeWindow::as_str).collect();
            return Some(format!("it is outside of its windows ({})", windows.join(", ")));
        }
        let blackout = self.blackouts.iter().find(|window| window.includes(due, zone))?;
        Some(format!("it is in its blackout {blackout}"))
    }

    /// How much later than its tick a job is due: always the same for the same tick.
    pub fn jitter(&self, tick: DateTime<Utc>) -> TimeDelta {
        TimeDelta::from_std(self.offset.jitter(tick, self.jitter)).unwrap_or_default()
    }
}
