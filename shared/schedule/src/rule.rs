//! One entry of a schedule.

use std::time::Duration;

use chrono::{DateTime, Datelike, SubsecRound, Utc};

use crate::cron_expression::CronExpression;
use crate::interval::Interval;
use crate::offset::TickOffset;
use crate::schedule_error::Problem;
use crate::zone::Zone;

/// What makes a schedule due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rule {
    Interval(Interval),
    Cron(Box<CronExpression>),
    At(DateTime<Utc>),
    Immediate,
    Manual,
}

impl Rule {
    /// Reads an entry; `start` is where it begins in the schedule's text.
    pub(crate) fn parse(text: &str, start: usize) -> Result<Self, Problem> {
        let whole = start..start + text.len();
        match text {
            "" => return Err(Problem::new("the text is empty", whole)),
            "immediate" => return Ok(Self::Immediate),
            "manual" => return Ok(Self::Manual),
            "every" => return Err(Problem::new("the duration is missing after `every`", whole)),
            "at" => return Err(Problem::new("the time is missing after `at`", whole)),
            _ => {}
        }
        if let Some(duration) = text.strip_prefix("every ") {
            return Interval::parse(duration, start + "every ".len()).map(Self::Interval);
        }
        if let Some(time) = text.strip_prefix("at ") {
            return at(time, start + "at ".len()).map(Self::At);
        }
        if let Some(zone) = text.split(' ').next().filter(|word| word.contains('=')) {
            let problem = "a time zone has no place here; set `timezone`";
            return Err(Problem::new(problem, start..start + zone.len()));
        }
        let expression = if text.starts_with('@') {
            CronExpression::parse(named(text, start)?, start)?
        } else if text.contains(' ') {
            CronExpression::parse(text, start)?
        } else {
            return Err(Problem::new("not a schedule", whole));
        };
        Ok(Self::Cron(Box::new(expression)))
    }

    pub(crate) fn next_tick(&self, after: DateTime<Utc>, offset: TickOffset, zone: Zone) -> Option<DateTime<Utc>> {
        match self {
            Self::Interval(interval) => interval.next_tick(after, offset),
            Self::Cron(expression) => expression.next_tick(after, zone),
            Self::At(at) => (*at > after).then_some(*at),
            Self::Immediate | Self::Manual => None,
        }
    }

    pub(crate) fn latest_tick(
        &self,
        at_or_before: DateTime<Utc>,
        offset: TickOffset,
        zone: Zone,
    ) -> Option<DateTime<Utc>> {
        match self {
            Self::Interval(interval) => interval.latest_tick(at_or_before, offset),
            Self::Cron(expression) => expression.latest_tick(at_or_before, zone),
            Self::At(at) => (*at <= at_or_before).then_some(*at),
            Self::Immediate | Self::Manual => None,
        }
    }

    /// The longest time between two neighbouring ticks.
    pub(crate) fn longest_gap(&self) -> Option<Duration> {
        match self {
            Self::Interval(interval) => Some(interval.period()),
            Self::Cron(expression) => expression.longest_gap(),
            Self::At(_) | Self::Immediate | Self::Manual => None,
        }
    }
}

fn at(text: &str, start: usize) -> Result<DateTime<Utc>, Problem> {
    let whole = start..start + text.len();
    let at = DateTime::parse_from_rfc3339(text).map_err(|_| {
        let problem =
            format!("`{text}` is no moment from 1970 to 2100 with its distance to UTC; write one such as `2026-12-24T18:00:00+01:00` or `2026-12-24T17:00:00Z`");
        Problem::new(problem, whole.clone())
    })?;
    // PostgreSQL keeps no more digits.
    let at = at.to_utc().trunc_subsecs(6);
    if !(1970..=2100).contains(&at.year()) {
        return Err(Problem::new("the calendar goes from 1970 to 2100", whole));
    }
    Ok(at)
}

fn named(name: &str, start: usize) -> Result<&'static str, Problem> {
    let problem = match name {
        "@hourly" => return Ok("0 * * * *"),
        "@daily" | "@midnight" => return Ok("0 0 * * *"),
        "@weekly" => return Ok("0 0 * * 0"),
        "@monthly" => return Ok("0 0 1 * *"),
        "@yearly" | "@annually" => return Ok("0 0 1 1 *"),
        "@reboot" => "`@reboot` does not exist in a fleet; `immediate` runs once for each new configuration",
        _ => "the names are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually",
    };
    Err(Problem::new(problem, start..start + name.len()))
}
