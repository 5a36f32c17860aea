//! Parts of the day, the week and the year, as clocks on the wall show them.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use crate::cron_field::{Field, Unit};
use crate::zone::Zone;

/// A stretch of time: `08:00-20:00`, `MON-FRI 08:00-20:00`, `22:00-06:00` (over midnight; the day is the one on which it begins),
/// `SAT,SUN` (the whole day), `2026-12-24` or `2026-12-24..2027-01-01` (the last day included).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeWindow {
    text: String,
    span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Span {
    Days {
        first: NaiveDate,
        last: NaiveDate,
    },
    /// From `begin` up to `end`, which is the next day's when it is not later.
    OfDay {
        weekdays: Field,
        begin: NaiveTime,
        end: NaiveTime,
    },
}

/// A text that is no window of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "window `{text}`: {problem}; write `08:00-20:00`, `MON-FRI 08:00-20:00`, `SAT,SUN`, `2026-12-24` or `2026-12-24..2027-01-01`"
)]
pub struct TimeWindowError {
    text: String,
    problem: String,
}

impl TimeWindow {
    /// Whether the clocks of `zone` show a time in it at an instant.
    pub fn includes(&self, at: DateTime<Utc>, zone: Zone) -> bool {
        self.covers(zone.local(at))
    }

    fn covers(&self, wall: NaiveDateTime) -> bool {
        match &self.span {
            Span::Days { first, last } => (*first..=*last).contains(&wall.date()),
            Span::OfDay { weekdays, begin, end } => {
                let (date, time) = (wall.date(), wall.time());
                let on = |date: NaiveDate| weekdays.contains(date.weekday().num_days_from_sunday());
                if begin < end {
                    on(date) && *begin <= time && time < *end
                } else {
                    (on(date) && *begin <= time) || (date.pred_opt().is_some_and(on) && time < *end)
                }
            }
        }
    }

    /// The window as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for TimeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for TimeWindow {
    type Err = TimeWindowError;

    fn from_str(text: &str) -> Result<Self, TimeWindowError> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match parse(&text) {
            Ok(span) => Ok(Self { text, span }),
            Err(problem) => Err(TimeWindowError {
                text: text.chars().take(60).collect(),
                problem,
            }),
        }
    }
}

fn parse(text: &str) -> Result<Span, String> {
    if text.starts_with(|letter: char| letter.is_ascii_digit()) && !text.contains(':') {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let day = |text: &str| text.parse::<NaiveDate>().map_err(|_| format!("`{text}` is no day"));
        let (first, last) = (day(first)?, day(last)?);
        if last < first {
            return Err(format!("{last} is before {first}"));
        }
        return Ok(Span::Days { first, last });
    }
    let (days, times) = match text.split_once(' ') {
        Some((days, times)) => (Some(days), Some(times)),
        None if text.contains(':') => (None, Some(text)),
        None => (Some(text), None),
    };
    let weekdays = match days {
        None => Field::every(Unit::Weekday),
        Some(days) => Field::parse(Unit::Weekday, days, 0).map_err(|problem| problem.text)?,
    };
    if !weekdays.special_days().is_empty() {
        return Err("`L` and `#` have no place here".to_owned());
    }
    let Some(times) = times else {
        let (begin, end) = (NaiveTime::MIN, NaiveTime::MIN);
        return Ok(Span::OfDay { weekdays, begin, end });
    };
    let (begin, end) = times
        .split_once('-')
        .ok_or_else(|| format!("`{times}` is not from one time to another"))?;
    let (begin, end) = (time(begin)?, time(end)?);
    if begin == end {
        return Err("it ends as it begins".to_owned());
    }
    Ok(Span::OfDay { weekdays, begin, end })
}

fn time(text: &str) -> Result<NaiveTime, String> {
    if text == "24:00" {
        return Ok(NaiveTime::MIN);
    }
    NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| format!("`{text}` is no time of day"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(window: &str, times: &[(&str, bool)]) -> Result<(), Box<dyn std::error::Error>> {
        let parsed: TimeWindow = window.parse()?;
        for (time, expected) in times {
            let wall: NaiveDateTime = time.parse()?;
            assert_eq!(parsed.covers(wall), *expected, "{window} at {time}");
        }
        Ok(())
    }

    #[test]
    fn a_window_begins_with_its_first_moment_and_ends_before_its_last() -> Result<(), Box<dyn std::error::Error>> {
        // 2026-11-27 is a Friday.
        holds(
            "08:00-20:00",
            &[
                ("2026-11-27T07:59:59", false),
                ("2026-11-27T08:00:00", true),
                ("2026-11-27T20:00:00", false),
            ],
        )?;
        holds(
            "MON-FRI 08:00-20:00",
            &[("2026-11-27T12:00:00", true), ("2026-11-28T12:00:00", false)],
        )?;
        holds(
            "FRI 22:00-06:00",
            &[
                ("2026-11-27T23:00:00", true),
                ("2026-11-28T05:59:59", true),
                ("2026-11-28T06:00:00", false),
                ("2026-11-28T23:00:00", false),
                ("2026-11-27T05:00:00", false),
            ],
        )?;
        holds(
            "SAT,SUN",
            &[
                ("2026-11-28T00:00:00", true),
                ("2026-11-29T23:59:59", true),
                ("2026-11-30T00:00:00", false),
            ],
        )?;
        holds(
            "20:00-24:00",
            &[("2026-11-28T23:59:59", true), ("2026-11-29T00:00:00", false)],
        )?;
        holds(
            "2026-12-24",
            &[
                ("2026-12-23T23:59:59", false),
                ("2026-12-24T00:00:00", true),
                ("2026-12-25T00:00:00", false),
            ],
        )?;
        holds(
            "2026-12-24..2027-01-01",
            &[("2027-01-01T23:59:59", true), ("2027-01-02T00:00:00", false)],
        )
    }

    #[test]
    fn what_is_no_window_is_refused_with_what_would_be_one() {
        for (text, problem) in [
            ("", "the weekday is missing"),
            ("8-20", "`8-20` is no day"),
            ("08:00", "`08:00` is not from one time to another"),
            ("08:00-25:00", "`25:00` is no time of day"),
            ("08:00-08:00", "it ends as it begins"),
            (
                "MO 08:00-20:00",
                "weekday `MO` is neither in 0-7 nor one of SUN, MON, TUE, WED, THU, FRI, SAT",
            ),
            ("FRIL", "`L` and `#` have no place here"),
            ("2026-12-24..2026-12-01", "2026-12-01 is before 2026-12-24"),
            ("2026-02-31", "`2026-02-31` is no day"),
        ] {
            let refused = text
                .parse::<TimeWindow>()
                .map_err(|error| error.to_string())
                .err()
                .unwrap_or_default();
            assert!(refused.contains(&format!("`{text}`: {problem}; write ")), "{refused}");
        }
    }
}
