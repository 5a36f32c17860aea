//! What becomes of ticks, one file per promise.

#![expect(clippy::unwrap_used, reason = "a test has nobody to hand an error to")]

mod plan_properties;
mod plan_tables;
mod triggering;

use std::time::Duration;

use botticelli_schedule::{CatchUp, Overlap, Schedule, TickOffset, Timing};
use chrono::{DateTime, Utc};

/// A schedule with every default.
fn timing(schedule: &str) -> Timing {
    Timing {
        schedule: schedule.parse::<Schedule>().unwrap(),
        offset: TickOffset::NONE,
        jitter: Duration::ZERO,
        catch_up: CatchUp::default(),
        catch_up_window: Duration::from_hours(24),
        overlap: Overlap::default(),
        starts_at: None,
        ends_at: None,
        windows: vec![],
        blackouts: vec![],
        revision: "r1".to_owned(),
    }
}

/// A time of Monday, 2026-11-23; with a day in front, of that one.
fn at(time: &str) -> DateTime<Utc> {
    let text = match time.split_once(' ') {
        Some((day, time)) => format!("{day}T{time}:00Z"),
        None => format!("2026-11-23T{time}:00Z"),
    };
    text.parse().unwrap()
}
