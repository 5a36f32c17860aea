//! `every <duration>`: ticks at a fixed distance, aligned to the Unix epoch.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::duration::parse_duration;
use crate::offset::TickOffset;
use crate::schedule_error::Problem;

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Ticks every `period`, the same on every replica because they count from the Unix epoch and not from process start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    /// Whole milliseconds, from one second to 366 days.
    period_millis: i64,
}

impl Interval {
    /// Reads what follows `every `; `start` is where it begins in the schedule's text.
    pub(crate) fn parse(text: &str, start: usize) -> Result<Self, Problem> {
        let whole = start..start + text.len();
        let period = parse_duration(text).map_err(|error| {
            let span = error.span();
            Problem::new(error.to_string(), start + span.start..start + span.end)
        })?;
        if period < SHORTEST {
            return Err(Problem::new("the shortest interval is 1 second", whole));
        }
        if period > LONGEST {
            return Err(Problem::new("the longest interval is 366 days", whole));
        }
        if period.subsec_nanos() % 1_000_000 != 0 {
            return Err(Problem::new("an interval is a whole number of milliseconds", whole));
        }
        i64::try_from(period.as_millis())
            .map(|period_millis| Self { period_millis })
            .map_err(|_| Problem::new("the longest interval is 366 days", whole))
    }

    pub(crate) fn period(self) -> Duration {
        Duration::from_millis(self.period_millis.unsigned_abs())
    }

    pub(crate) fn next_tick(self, after: DateTime<Utc>, offset: TickOffset) -> Option<DateTime<Utc>> {
        let latest = self.latest_millis(after, offset)?;
        DateTime::from_timestamp_millis(latest.checked_add(self.period_millis)?)
    }

    pub(crate) fn latest_tick(self, at_or_before: DateTime<Utc>, offset: TickOffset) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.latest_millis(at_or_before, offset)?)
    }

    fn latest_millis(self, at_or_before: DateTime<Utc>, offset: TickOffset) -> Option<i64> {
        let shift = offset.seconds_within(self.period().as_secs());
        let shift = i64::try_from(shift).ok()?.checked_mul(1000)?;
        // Rounds towards the past, before 1970 too.
        let periods = at_or_before
            .timestamp_millis()
            .checked_sub(shift)?
            .div_euclid(self.period_millis);
        periods.checked_mul(self.period_millis)?.checked_add(shift)
    }
}
