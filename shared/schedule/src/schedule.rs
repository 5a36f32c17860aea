//! The schedule of an actor: its text, and the instants it stands for.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::describe::describe;
use crate::exclusion::Exclusion;
use crate::offset::TickOffset;
use crate::rule::Rule;
use crate::schedule_error::{Problem, ScheduleError};
use crate::zone::Zone;

/// The longest text of a schedule, in bytes.
const LONGEST_TEXT: usize = 4096;
/// Excluded ticks in a row after which a schedule counts as over.
const MOST_EXCLUDED: u32 = 200_000;

/// When an actor is due. Each due instant is a **tick**.
///
/// One entry, or several with `;` between them; it is due when any of them is.
///
/// | entry | ticks |
/// |---|---|
/// | `every 2 hours`, `every 90s` | at a fixed distance of 1 second to 366 days, counted from the Unix epoch plus the actor's [`TickOffset`] |
/// | `0 9 * * 1-5` | cron as on Unix: minute, hour, day of month, month, weekday; six fields add the second in front, seven the year behind |
/// | `@hourly` `@daily` `@midnight` `@weekly` `@monthly` `@yearly` `@annually` | the cron expression of that name |
/// | `at 2026-12-24T18:00:00+01:00` | that one |
/// | `immediate` | none of its own: it runs once for each revision of the configuration, which the scheduler keeps track of |
/// | `manual` | none: it runs when it is asked to. Stands alone |
/// | `except 2026-12-24`, `except 2026-12-24..2027-01-01`, `except * * * * SAT` | takes away those of the others on these days, or whenever that expression is due |
///
/// Cron expressions and the days of `except` are those of the schedule's [`Zone`], by default UTC. Weekdays count from Sunday,
/// which is 0 and 7; a schedule that restricts both the day of month and the weekday is due when either matches. As in Vixie
/// cron, a day field that begins with `*` (so also `*/2`) does not count as restricted. Days may also be `L` (the last of the
/// month), `L-3`, `15W` (the workday nearest to the 15th), `LW`, `FRIL` (the last Friday) and `MON#2` (the second Monday).
///
/// Where clocks are set forward, an expression that leaves the hour or a smaller unit open (`*`) is not due in the gap, and any
/// other at the first instant behind it. Where they are set back, the former is due in both passes and the latter in the first.
///
/// Two schedules are equal when their texts and zones are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    rules: Vec<Rule>,
    exclusions: Vec<Exclusion>,
    zone: Zone,
}

/// Which family a [`Schedule`] belongs to; that of its first entry if there are several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScheduleKind {
    /// `every <duration>`.
    Interval,
    /// A cron expression or one of its `@` names.
    Cron,
    /// `at <time>`.
    Once,
    /// Once for each revision of the configuration.
    Immediate,
    /// Only when asked to.
    Manual,
}

impl ScheduleKind {
    /// The name that the control API shows as `schedule_type`: `Interval`, `Cron`, `Once`, `Immediate` or `Manual`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interval => "Interval",
            Self::Cron => "Cron",
            Self::Once => "Once",
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
            rules: vec![Rule::Manual],
            exclusions: Vec::new(),
            zone: Zone::UTC,
        }
    }

    /// The same in another zone.
    #[must_use]
    pub fn in_zone(self, zone: Zone) -> Self {
        Self { zone, ..self }
    }

    /// The zone of its cron expressions and days.
    pub fn zone(&self) -> Zone {
        self.zone
    }

    /// The earliest tick later than `after`.
    ///
    /// Feeding each answer back in visits every tick once, strictly forwards. `None` when there is none:
    /// `immediate`, `manual`, what is over (the calendar ends with 2100), and where 200,000 ticks in a row are excluded.
    pub fn next_tick(&self, after: DateTime<Utc>, offset: TickOffset) -> Option<DateTime<Utc>> {
        let mut after = after;
        for _ in 0..MOST_EXCLUDED {
            let next = self
                .rules
                .iter()
                .filter_map(|rule| rule.next_tick(after, offset, self.zone));
            let next = next.min()?;
            match self.excluded_until(next) {
                None => return Some(next),
                Some(end) => after = (end - TimeDelta::nanoseconds(1)).max(next),
            }
        }
        None
    }

    /// The earliest tick later than `after`, not before `starts_at` and not after `ends_at`.
    pub fn next_tick_within(
        &self,
        after: DateTime<Utc>,
        offset: TickOffset,
        starts_at: Option<DateTime<Utc>>,
        ends_at: Option<DateTime<Utc>>,
    ) -> Option<DateTime<Utc>> {
        let before_start = starts_at.map(|start| start - TimeDelta::nanoseconds(1));
        let after = before_start.map_or(after, |start| start.max(after));
        let next = self.next_tick(after, offset)?;
        ends_at.is_none_or(|end| next <= end).then_some(next)
    }

    /// The latest tick at or before `at_or_before`, for finding what was missed.
    ///
    /// `None` when there is none: `immediate`, `manual`, and what has not begun.
    pub fn latest_tick(&self, at_or_before: DateTime<Utc>, offset: TickOffset) -> Option<DateTime<Utc>> {
        let mut until = at_or_before;
        for _ in 0..MOST_EXCLUDED {
            let latest = self
                .rules
                .iter()
                .filter_map(|rule| rule.latest_tick(until, offset, self.zone));
            let latest = latest.max()?;
            if self.excluded_until(latest).is_none() {
                return Some(latest);
            }
            until = latest - TimeDelta::nanoseconds(1);
        }
        None
    }

    /// From when on a tick would not be excluded any more, if it is.
    fn excluded_until(&self, tick: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.exclusions
            .iter()
            .filter_map(|exclusion| exclusion.excludes(tick, self.zone))
            .max()
    }

    /// The longest time that passes between two neighbouring ticks where nothing is excluded; how long silence is normal.
    ///
    /// `None` for schedules with fewer than two ticks. For cron expressions that restrict days this walks the calendar,
    /// so keep the answer rather than ask in a loop.
    pub fn period_hint(&self) -> Option<Duration> {
        self.rules.iter().filter_map(Rule::longest_gap).min()
    }

    /// Whether it runs once for each revision of the configuration.
    pub fn is_immediate(&self) -> bool {
        self.rules.contains(&Rule::Immediate)
    }

    /// The family this schedule belongs to.
    pub fn kind(&self) -> ScheduleKind {
        match self.rules.first() {
            Some(Rule::Interval(_)) => ScheduleKind::Interval,
            Some(Rule::Cron(_)) => ScheduleKind::Cron,
            Some(Rule::At(_)) => ScheduleKind::Once,
            Some(Rule::Immediate) => ScheduleKind::Immediate,
            Some(Rule::Manual) | None => ScheduleKind::Manual,
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

    /// The schedule in plain English, such as `at 09:00 from Monday to Friday (Europe/Berlin)`.
    pub fn describe(&self) -> String {
        describe(&self.rules, &self.exclusions, self.zone)
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > LONGEST_TEXT {
            let begin: String = text.chars().take(40).collect();
            let problem = format!("{} bytes are more than a schedule may have, {LONGEST_TEXT}", text.len());
            let problem = Problem::new(problem, 0..begin.len());
            return Err(ScheduleError::new(&format!("{begin}…"), problem));
        }
        let entries: Vec<String> = text
            .split(';')
            .map(|entry| entry.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        let text = entries.join("; ");
        match parse(&entries, text.len()) {
            Ok((rules, exclusions)) => Ok(Self {
                text,
                rules,
                exclusions,
                zone: Zone::UTC,
            }),
            Err(problem) => Err(ScheduleError::new(&text, problem)),
        }
    }
}

fn parse(entries: &[String], length: usize) -> Result<(Vec<Rule>, Vec<Exclusion>), Problem> {
    let (mut rules, mut exclusions) = (Vec::new(), Vec::new());
    let mut start = 0;
    for entry in entries {
        match entry.strip_prefix("except ") {
            Some(excluded) => exclusions.push(Exclusion::parse(excluded, start + "except ".len())?),
            None if entry == "except" => {
                let problem = "what is excluded is missing after `except`";
                return Err(Problem::new(problem, start..start + entry.len()));
            }
            None => rules.push(Rule::parse(entry, start)?),
        }
        start += entry.len() + "; ".len();
    }
    if rules.is_empty() {
        return Err(Problem::new("nothing is left to be excluded", 0..length));
    }
    if rules.contains(&Rule::Manual) && entries.len() > 1 {
        return Err(Problem::new("`manual` has no ticks and stands alone", 0..length));
    }
    Ok((rules, exclusions))
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
