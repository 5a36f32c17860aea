//! `except …`: times at which a schedule is not due after all.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::cron_expression::CronExpression;
use crate::schedule_error::Problem;
use crate::zone::{WallTime, Zone};

/// What follows `except `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exclusion {
    /// `2026-12-24` or `2026-12-24..2027-01-01`: those days, the last included.
    Days { first: NaiveDate, last: NaiveDate },
    /// A cron expression: whenever it is due; one of five fields excludes whole minutes.
    Cron(Box<CronExpression>),
}

impl Exclusion {
    /// Reads what follows `except `; `start` is where it begins in the schedule's text.
    pub(crate) fn parse(text: &str, start: usize) -> Result<Self, Problem> {
        let whole = start..start + text.len();
        if text.starts_with("every ") {
            let problem = "an interval cannot be taken away; write days such as `2026-12-24`, or a cron expression";
            return Err(Problem::new(problem, whole));
        }
        if text.contains(' ') {
            return CronExpression::parse(text, start).map(|expression| Self::Cron(Box::new(expression)));
        }
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let day = |text: &str, start: usize| {
            text.parse::<NaiveDate>().map_err(|_| {
                let problem =
                    format!("`{text}` is no day; write `2026-12-24`, `2026-12-24..2027-01-01` or a cron expression");
                Problem::new(problem, start..start + text.len())
            })
        };
        let (first, last) = (day(first, start)?, day(last, whole.end - last.len())?);
        if last < first {
            return Err(Problem::new(format!("{last} is before {first}"), whole));
        }
        Ok(Self::Days { first, last })
    }

    /// From when on a tick is not excluded any more by this, if it is excluded; never before the tick itself.
    pub(crate) fn excludes(&self, tick: DateTime<Utc>, zone: Zone) -> Option<DateTime<Utc>> {
        let wall = zone.local(tick);
        match self {
            Self::Days { first, last } if (*first..=*last).contains(&wall.date()) => {
                let end = last.succ_opt()?.and_hms_opt(0, 0, 0)?;
                Some(match zone.resolve(end) {
                    WallTime::Once(at) | WallTime::Twice(at, _) | WallTime::Never { after: at } => at.max(tick),
                })
            }
            Self::Cron(expression) if expression.covers(wall) => {
                let step = expression.resolution().num_seconds();
                let into = tick.timestamp().rem_euclid(step);
                // Zones whose distance to UTC is no whole minute are of the past; then this is too early, and looks again.
                Some((tick + TimeDelta::seconds(step - into)).max(tick))
            }
            Self::Days { .. } | Self::Cron(_) => None,
        }
    }
}
