//! One field of a cron expression, read as Unix reads it into the set of values it stands for.

use std::collections::BTreeSet;
use std::ops::Range;

use chrono::{Datelike, NaiveDate};

use crate::schedule_error::Problem;
use crate::special_day::SpecialDay;

/// Which field, with its bounds and names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Second,
    Minute,
    Hour,
    DayOfMonth,
    Month,
    Weekday,
    Year,
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];

/// The `cron` crate's weekday names by Unix number. Numbers are not passed on: there, Sunday is 1.
pub(crate) const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::Weekday => "weekday",
            Self::Year => "year",
        }
    }

    /// The smallest and the largest number that may be written. A weekday 7 is a second way to write Sunday.
    fn bounds(self) -> (u16, u16) {
        match self {
            Self::Second | Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::Weekday => (0, 7),
            Self::Year => (1970, 2100),
        }
    }

    /// The names, and the number of the first of them.
    fn names(self) -> (&'static [&'static str], u16) {
        match self {
            Self::Month => (&MONTHS, 1),
            Self::Weekday => (&WEEKDAYS, 0),
            _ => (&[], 0),
        }
    }

    /// How many different values there are.
    fn count(self) -> usize {
        let (first, last) = self.bounds();
        let written = usize::from(last - first) + 1;
        if self == Self::Weekday { written - 1 } else { written }
    }
}

/// The values of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    unit: Unit,
    values: BTreeSet<u16>,
    /// Days beside `values` that depend on the month.
    special_days: Vec<SpecialDay>,
    starts_with_star: bool,
}

impl Field {
    /// Reads a field; `start` is where it begins in the schedule's text.
    pub(crate) fn parse(unit: Unit, text: &str, start: usize) -> Result<Self, Problem> {
        let (mut values, mut special_days) = (BTreeSet::new(), Vec::new());
        let mut at = start;
        for part in text.split(',') {
            let span = at..at + part.len();
            match SpecialDay::parse(unit, part, &span) {
                Some(day) => special_days.push(day?),
                None => values.extend(parse_part(unit, part, span)?),
            }
            at += part.len() + 1;
        }
        if unit == Unit::Weekday && values.remove(&7) {
            values.insert(0);
        }
        Ok(Self {
            unit,
            values,
            special_days,
            starts_with_star: text.starts_with(['*', '?']),
        })
    }

    /// Every value of `unit`, as `*` is.
    pub(crate) fn every(unit: Unit) -> Self {
        let (first, last) = unit.bounds();
        let last = if unit == Unit::Weekday { last - 1 } else { last };
        Self {
            unit,
            values: (first..=last).collect(),
            special_days: Vec::new(),
            starts_with_star: true,
        }
    }

    /// The one value 0.
    pub(crate) fn zero(unit: Unit) -> Self {
        Self {
            unit,
            values: BTreeSet::from([0]),
            special_days: Vec::new(),
            starts_with_star: false,
        }
    }

    pub(crate) fn values(&self) -> &BTreeSet<u16> {
        &self.values
    }

    pub(crate) fn contains(&self, value: u32) -> bool {
        u16::try_from(value).is_ok_and(|value| self.values.contains(&value))
    }

    /// Whether a day field has `date`.
    pub(crate) fn includes(&self, date: NaiveDate) -> bool {
        let value = if self.unit == Unit::Weekday {
            date.weekday().num_days_from_sunday()
        } else {
            date.day()
        };
        self.contains(value) || self.special_days.iter().any(|day| day.includes(date))
    }

    /// The days that no list of values can say.
    pub(crate) fn special_days(&self) -> &[SpecialDay] {
        &self.special_days
    }

    /// Whether it begins with `*`, as one does that leaves its unit open.
    pub(crate) fn starts_with_star(&self) -> bool {
        self.starts_with_star
    }

    pub(crate) fn is_full(&self) -> bool {
        self.values.len() == self.unit.count()
    }

    /// Whether this field takes part in the rule "either day field may match".
    pub(crate) fn is_restricted(&self) -> bool {
        !self.starts_with_star
    }

    /// The field in the dialect of the `cron` crate.
    pub(crate) fn to_cron(&self) -> String {
        if self.is_full() {
            return "*".to_owned();
        }
        let written = self.values.iter().map(|&value| match self.unit {
            Unit::Weekday => WEEKDAYS[usize::from(value) % WEEKDAYS.len()].to_owned(),
            _ => value.to_string(),
        });
        written.collect::<Vec<_>>().join(",")
    }
}

/// Reads `*`, `?`, `a`, `a-b`, `*/n` or `a-b/n`.
fn parse_part(unit: Unit, part: &str, span: Range<usize>) -> Result<Vec<u16>, Problem> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (part, None),
    };
    let range_span = span.start..span.start + range.len();
    let step_span = range_span.end + 1..span.end;
    let (first, last) = unit.bounds();
    let (from, to) = match range.split_once('-') {
        _ if range == "*" || (range == "?" && matches!(unit, Unit::DayOfMonth | Unit::Weekday)) => (first, last),
        Some((from, to)) => {
            let to_start = range_span.start + from.len() + 1;
            let from = parse_value(unit, from, range_span.start)?;
            let to = parse_value(unit, to, to_start)?;
            (from, week_end(unit, from, to))
        }
        None => {
            let value = parse_value(unit, range, range_span.start)?;
            if let Some(step) = step {
                let problem = format!("a step needs `*` or a range; write `{range}-{last}/{step}`");
                return Err(Problem::new(problem, span));
            }
            (value, value)
        }
    };
    if from > to {
        let problem = format!("the range `{range}` runs backwards; write `{from}-{last},{first}-{to}`");
        return Err(Problem::new(problem, range_span));
    }
    let step = step.map_or(Ok(1), |step| parse_step(unit, step, step_span, to - from))?;
    Ok((from..=to).step_by(step).collect())
}

/// `FRI-SUN` and `5-0` end with the Sunday after, which is 7.
fn week_end(unit: Unit, from: u16, to: u16) -> u16 {
    if unit == Unit::Weekday && to == 0 && from > 0 {
        7
    } else {
        to
    }
}

pub(crate) fn parse_value(unit: Unit, text: &str, start: usize) -> Result<u16, Problem> {
    let span = start..start + text.len();
    let name = unit.name();
    if text.is_empty() {
        return Err(Problem::new(format!("the {name} is missing"), span));
    }
    let (first, last) = unit.bounds();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse() {
            Ok(value) if (first..=last).contains(&value) => Ok(value),
            _ => Err(Problem::new(format!("{name} `{text}` is not in {first}-{last}"), span)),
        };
    }
    let (names, number_of_first) = unit.names();
    let known = (number_of_first..)
        .zip(names)
        .find(|(_, name)| name.eq_ignore_ascii_case(text));
    if let Some((value, _)) = known {
        return Ok(value);
    }
    let problem = if names.is_empty() {
        format!("{name} `{text}` is not a number in {first}-{last}")
    } else {
        format!(
            "{name} `{text}` is neither in {first}-{last} nor one of {}",
            names.join(", ")
        )
    };
    Err(Problem::new(problem, span))
}

/// Reads a step and refuses one that never takes effect: `*/90` in the minutes would be due every hour.
fn parse_step(unit: Unit, text: &str, span: Range<usize>, width: u16) -> Result<usize, Problem> {
    let step = match text.parse::<u16>() {
        Ok(step) if step > 0 => step,
        _ => {
            return Err(Problem::new(format!("step `{text}` is not a number above 0"), span));
        }
    };
    if step > width {
        let name = unit.name();
        let problem = match unit {
            Unit::Second | Unit::Minute | Unit::Hour => {
                format!("step `{step}` leaves the range of the {name}; write `every {step} {name}s`")
            }
            _ => format!("step `{step}` leaves the range of the {name}"),
        };
        return Err(Problem::new(problem, span));
    }
    Ok(usize::from(step))
}
