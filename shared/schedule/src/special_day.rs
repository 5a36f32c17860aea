//! Days that no list of numbers can say, because they depend on the month: `L`, `W` and `#`, as Quartz made them popular.

use std::ops::Range;

use chrono::{Datelike, NaiveDate};

use crate::cron_field::{Unit, parse_value};
use crate::schedule_error::Problem;

/// A day of each month. Weekdays count from Sunday, which is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpecialDay {
    /// `L` and `L-3`: the last day, or so many before it.
    FromTheEnd(u32),
    /// `LW`: the last day from Monday to Friday.
    LastWorkday,
    /// `15W`: the day from Monday to Friday that is nearest to that one, in the same month.
    NearestWorkday(u32),
    /// `MON#2`: the second Monday.
    Nth(u32, u32),
    /// `FRIL`, `5L`: the last Friday.
    Last(u32),
}

impl SpecialDay {
    /// Reads one part of a day field; `None` when it is none of these.
    pub(crate) fn parse(unit: Unit, text: &str, span: &Range<usize>) -> Option<Result<Self, Problem>> {
        match unit {
            Unit::DayOfMonth => Self::of_month(text, span),
            Unit::Weekday => Self::of_week(text, span),
            _ => None,
        }
    }

    fn of_month(text: &str, span: &Range<usize>) -> Option<Result<Self, Problem>> {
        let upper = text.to_ascii_uppercase();
        if upper == "L" {
            return Some(Ok(Self::FromTheEnd(0)));
        }
        if upper == "LW" || upper == "WL" {
            return Some(Ok(Self::LastWorkday));
        }
        if let Some(before) = upper.strip_prefix("L-") {
            return Some(match before.parse() {
                Ok(days @ 1..=30) => Ok(Self::FromTheEnd(days)),
                _ => Err(Problem::new(
                    format!("`{before}` is not a number of days in 1-30"),
                    span.clone(),
                )),
            });
        }
        let day = upper.strip_suffix('W')?;
        Some(parse_value(Unit::DayOfMonth, day, span.start).map(|day| Self::NearestWorkday(day.into())))
    }

    fn of_week(text: &str, span: &Range<usize>) -> Option<Result<Self, Problem>> {
        let weekday = |text| parse_value(Unit::Weekday, text, span.start).map(|day| u32::from(day % 7));
        if let Some((day, number)) = text.split_once('#') {
            let number = number
                .parse()
                .ok()
                .filter(|number| (1..=5).contains(number))
                .ok_or_else(|| {
                    let problem = format!("a month has a weekday at most 5 times, so `{number}` is not in 1-5");
                    Problem::new(problem, span.clone())
                });
            return Some(weekday(day).and_then(|day| Ok(Self::Nth(day, number?))));
        }
        let day = text.strip_suffix(['L', 'l'])?;
        if day.is_empty() {
            let problem = "`L` alone says nothing of a weekday; write `5L` or `FRIL` for the last Friday of the month";
            return Some(Err(Problem::new(problem, span.clone())));
        }
        Some(weekday(day).map(Self::Last))
    }

    pub(crate) fn includes(self, date: NaiveDate) -> bool {
        let last = u32::from(date.num_days_in_month());
        let weekday = date.weekday().num_days_from_sunday();
        match self {
            Self::FromTheEnd(days) => date.day() + days == last,
            Self::LastWorkday => is_nearest_workday(date, last),
            Self::NearestWorkday(day) => day <= last && is_nearest_workday(date, day),
            Self::Nth(day, number) => weekday == day && (date.day() - 1) / 7 + 1 == number,
            Self::Last(day) => weekday == day && date.day() + 7 > last,
        }
    }
}

/// Whether `date` is the workday nearest to day `day` of its month, without leaving the month.
fn is_nearest_workday(date: NaiveDate, day: u32) -> bool {
    let last = u32::from(date.num_days_in_month());
    let Some(target) = date.with_day(day) else {
        return false;
    };
    let nearest = match target.weekday().num_days_from_sunday() {
        6 if day == 1 => day + 2,
        6 => day - 1,
        0 if day == last => day - 2,
        0 => day + 1,
        _ => day,
    };
    date.day() == nearest
}
