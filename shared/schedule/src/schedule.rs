//! The schedule of an actor: its text, and the instants it stands for.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::cron_expression::CronExpression;
use crate::interval::Interval;
use crate::offset::TickOffset;
use crate::schedule_error::{Problem, ScheduleError};

/// When an actor is due. Each due instant is a **tick**.
///
/// | text | ticks |
/// |---|---|
/// | `every 2 hours`, `every 90s` | at a fixed distance of 1 second to 366 days, counted from the Unix epoch plus the actor's [`TickOffset`] |
/// | `0 9 * * 1-5` | cron as on Unix: minute, hour, day of month, month, weekday; six fields add the second in front, seven the year behind |
/// | `@hourly` `@daily` `@midnight` `@weekly` `@monthly` `@yearly` `@annually` | the cron expression of that name |
/// | `immediate` | none of its own: it runs once for each revision of the configuration, which the scheduler keeps track of |
/// | `manual` | none: it runs when it is asked to |
///
/// Cron expressions are read in UTC. Weekdays count from Sunday, which is 0 and 7; a schedule that restricts both the
/// day of month and the weekday is due when either matches. As in Vixie cron, a day field that begins with `*` (so also
/// `*/2`) does not count as restricted. Two schedules are equal when their texts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Interval(Interval),
    Cron(Box<CronExpression>),
    Immediate,
    Manual,
}

/// Which family a [`Schedule`] belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScheduleKind {
    /// `every <duration>`.
    Interval,
    /// A cron expression or one of its `@` names.
    Cron,
    /// Once for each revision of the configuration.
    Immediate,
    /// Only when asked to.
    Manual,
}

impl ScheduleKind {
    /// The name that the control API shows as `schedule_type`: `Interval`, `Cron`, `Immediate` or `Manual`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interval => "Interval",
            Self::Cron => "Cron",
            Self::Immediate => "Immediate",
            Self::Manual => "Manual",
        }
    }
}

impl Schedule {
    /// The schedule without ticks, and the default of an actor.
    pub fn manual() -> Self {
        Self {
            text: "manual".to_owned(),
            rule: Rule::Manual,
        }
    }

    /// The earliest tick later than `after`.
    ///
    /// Feeding each answer back in visits every tick once, strictly forwards. `None` when there is none:
    /// `immediate`, `manual`, and cron expressions whose years are over (the calendar ends with 2100).
    pub fn next_tick(&self, after: DateTime<Utc>, offset: TickOffset) -> Option<DateTime<Utc>> {
        match &self.rule {
            Rule::Interval(interval) => interval.next_tick(after, offset),
            Rule::Cron(expression) => expression.next_tick(after),
            Rule::Immediate | Rule::Manual => None,
        }
    }

    /// The latest tick at or before `at_or_before`, for finding what was missed.
    ///
    /// `None` when there is none: `immediate`, `manual`, and cron expressions whose years have not begun.
    pub fn latest_tick(&self, at_or_before: DateTime<Utc>, offset: TickOffset) -> Option<DateTime<Utc>> {
        match &self.rule {
            Rule::Interval(interval) => interval.latest_tick(at_or_before, offset),
            Rule::Cron(expression) => expression.latest_tick(at_or_before),
            Rule::Immediate | Rule::Manual => None,
        }
    }

    /// The longest time that passes between two neighbouring ticks; how long silence is normal.
    ///
    /// `None` for schedules with fewer than two ticks. For cron expressions that restrict days this walks the calendar,
    /// so keep the answer rather than ask in a loop.
    pub fn period_hint(&self) -> Option<Duration> {
        match &self.rule {
            Rule::Interval(interval) => Some(interval.period()),
            Rule::Cron(expression) => expression.longest_gap(),
            Rule::Immediate | Rule::Manual => None,
        }
    }

    /// The family this schedule belongs to.
    pub fn kind(&self) -> ScheduleKind {
        match self.rule {
            Rule::Interval(_) => ScheduleKind::Interval,
            Rule::Cron(_) => ScheduleKind::Cron,
            Rule::Immediate => ScheduleKind::Immediate,
            Rule::Manual => ScheduleKind::Manual,
        }
    }

    /// [`ScheduleKind::name`] of [`Schedule::kind`].
    pub fn kind_name(&self) -> &'static str {
        self.kind().name()
    }

    /// The schedule as written, runs of white space made one space.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match parse_rule(&text) {
            Ok(rule) => Ok(Self { text, rule }),
            Err(problem) => Err(ScheduleError::new(&text, problem)),
        }
    }
}

fn parse_rule(text: &str) -> Result<Rule, Problem> {
    let whole = 0..text.len();
    match text {
        "" => return Err(Problem::new("the text is empty", whole)),
        "immediate" => return Ok(Rule::Immediate),
        "manual" => return Ok(Rule::Manual),
        "every" => return Err(Problem::new("the duration is missing after `every`", whole)),
        _ => {}
    }
    if let Some(duration) = text.strip_prefix("every ") {
        return Interval::parse(duration, "every ".len()).map(Rule::Interval);
    }
    if let Some(zone) = text.split(' ').next().filter(|word| word.contains('=')) {
        let problem = "a time zone is not accepted; cron expressions are read in UTC";
        return Err(Problem::new(problem, 0..zone.len()));
    }
    if text.starts_with('@') {
        return named(text).map(|expression| Rule::Cron(Box::new(expression)));
    }
    if !text.contains(' ') {
        return Err(Problem::new("not a schedule", whole));
    }
    CronExpression::parse(text).map(|expression| Rule::Cron(Box::new(expression)))
}

fn named(name: &str) -> Result<CronExpression, Problem> {
    let expression = match name {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@reboot" => {
            let problem = "`@reboot` does not exist in a fleet; `immediate` runs once for each new configuration";
            return Err(Problem::new(problem, 0..name.len()));
        }
        _ => {
            let problem = "the names are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually";
            return Err(Problem::new(problem, 0..name.len()));
        }
    };
    CronExpression::parse(expression)
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
