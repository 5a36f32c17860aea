//! Schedules in plain English.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::cron_expression::{CronExpression, Fields};
use crate::cron_field::{Field, Unit};
use crate::duration::format_duration;
use crate::exclusion::Exclusion;
use crate::rule::Rule;
use crate::special_day::SpecialDay;
use crate::zone::Zone;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
/// More times of a day than these are not listed one by one.
const MOST_TIMES: usize = 6;

pub(crate) fn describe(rules: &[Rule], exclusions: &[Exclusion], zone: Zone) -> String {
    let mut text = listed(rules.iter().map(rule).collect(), "and");
    if !exclusions.is_empty() {
        let excluded = exclusions.iter().map(exclusion).collect();
        write!(text, ", except {}", listed(excluded, "and")).ok();
    }
    let has_wall_times = !exclusions.is_empty() || rules.iter().any(|rule| matches!(rule, Rule::Cron(_)));
    if has_wall_times {
        write!(text, " ({zone})").ok();
    }
    text
}

fn rule(rule: &Rule) -> String {
    match rule {
        Rule::Interval(interval) => format!("every {}", format_duration(interval.period())),
        Rule::Cron(expression) => cron(expression),
        Rule::At(at) => format!("once, at {} UTC", at.format("%F %T")),
        Rule::Immediate => "once for each new configuration".to_owned(),
        Rule::Manual => "only when it is asked to".to_owned(),
    }
}

fn exclusion(exclusion: &Exclusion) -> String {
    match exclusion {
        Exclusion::Days { first, last } if first == last => format!("on {first}"),
        Exclusion::Days { first, last } => format!("from {first} to {last}"),
        Exclusion::Cron(expression) => cron(expression),
    }
}

fn cron(expression: &CronExpression) -> String {
    let fields = expression.fields();
    let mut parts = vec![times(fields)];
    parts.extend(days(fields));
    if !fields.month.is_full() {
        parts.push(format!("in {}", named(fields.month.values(), Unit::Month)));
    }
    if !fields.year.is_full() {
        parts.push(format!("of {}", ranges(fields.year.values(), u16::to_string)));
    }
    parts.join(" ")
}

fn times(fields: &Fields) -> String {
    let Fields {
        second, minute, hour, ..
    } = fields;
    let count = second.values().len() * minute.values().len() * hour.values().len();
    if count <= MOST_TIMES {
        let seconds = second.values().iter().any(|second| *second > 0);
        let mut times = Vec::new();
        for hour in hour.values() {
            for minute in minute.values() {
                for second in second.values() {
                    times.push(if seconds {
                        format!("{hour:02}:{minute:02}:{second:02}")
                    } else {
                        format!("{hour:02}:{minute:02}")
                    });
                }
            }
        }
        return format!("at {}", listed(times, "and"));
    }
    let mut parts = Vec::new();
    let on_the_minute = second.values() == &BTreeSet::from([0]);
    if !on_the_minute {
        parts.push(steps(second, "second"));
    }
    if on_the_minute || !minute.is_full() {
        let past = if on_the_minute { "" } else { "of " };
        parts.push(format!("{past}{}", steps(minute, "minute")));
    }
    if !hour.is_full() {
        let hours = ranges(hour.values(), |hour| format!("{hour:02}"));
        parts.push(format!("in the hours {hours}"));
    } else if minute.values().len() == 1 {
        parts.push("of every hour".to_owned());
    }
    parts.join(" ")
}

/// `every minute`, `every 5th minute`, `minute 3 and 17`.
fn steps(field: &Field, unit: &str) -> String {
    let values: Vec<u16> = field.values().iter().copied().collect();
    if field.is_full() {
        return format!("every {unit}");
    }
    match values.as_slice() {
        [first, second, ..] => {
            let step = second - first;
            let is_even = *first == 0 && 60 % step == 0 && values.len() == usize::from(60 / step);
            if is_even && values.windows(2).all(|pair| pair[1] - pair[0] == step) {
                return format!("every {step} {unit}s");
            }
            format!("at {unit}s {}", ranges(field.values(), u16::to_string))
        }
        _ => format!("at {unit} {}", ranges(field.values(), u16::to_string)),
    }
}

fn days(fields: &Fields) -> Option<String> {
    let (of_month, of_week) = (days_of_month(&fields.day_of_month), days_of_week(&fields.weekday));
    match (of_month, of_week) {
        (None, None) => None,
        // One of the two is enough, and holds every day.
        (None, _) | (_, None) if fields.either_day_field() => None,
        (Some(days), None) | (None, Some(days)) => Some(format!("on {days}")),
        (Some(of_month), Some(of_week)) if fields.either_day_field() => Some(format!("on {of_month} and on {of_week}")),
        (Some(of_month), Some(of_week)) => Some(format!("on {of_week} that is {of_month}")),
    }
}

fn days_of_month(field: &Field) -> Option<String> {
    if field.is_full() {
        return None;
    }
    let mut days = Vec::new();
    match field.values().len() {
        0 => {}
        1 => days.push(format!("day {}", ranges(field.values(), u16::to_string))),
        _ => days.push(format!("days {}", ranges(field.values(), u16::to_string))),
    }
    days.extend(field.special_days().iter().map(special));
    Some(format!("{} of the month", listed(days, "and")))
}

fn days_of_week(field: &Field) -> Option<String> {
    if field.is_full() {
        return None;
    }
    let mut days = Vec::new();
    if !field.values().is_empty() {
        days.push(named(field.values(), Unit::Weekday));
    }
    days.extend(
        field
            .special_days()
            .iter()
            .map(|day| format!("{} of the month", special(day))),
    );
    Some(listed(days, "and"))
}

fn special(day: &SpecialDay) -> String {
    let weekday = |day: &u32| WEEKDAYS[usize::try_from(*day).unwrap_or(0) % WEEKDAYS.len()];
    match day {
        SpecialDay::FromTheEnd(0) => "the last day".to_owned(),
        SpecialDay::FromTheEnd(1) => "the day before the last".to_owned(),
        SpecialDay::FromTheEnd(days) => format!("the day {days} days before the last"),
        SpecialDay::LastWorkday => "the last workday".to_owned(),
        SpecialDay::NearestWorkday(day) => format!("the workday nearest to day {day}"),
        SpecialDay::Nth(day, number) => {
            let ordinal = ["first", "second", "third", "fourth", "fifth"];
            let number = usize::try_from(number.saturating_sub(1)).unwrap_or(0) % ordinal.len();
            format!("the {} {}", ordinal[number], weekday(day))
        }
        SpecialDay::Last(day) => format!("the last {}", weekday(day)),
    }
}

fn named(values: &BTreeSet<u16>, unit: Unit) -> String {
    ranges(values, |value| {
        let index = usize::from(*value);
        match unit {
            Unit::Month => MONTHS[(index + 11) % MONTHS.len()].to_owned(),
            _ => WEEKDAYS[index % WEEKDAYS.len()].to_owned(),
        }
    })
}

/// `1, 5 and 9 to 12`.
fn ranges(values: &BTreeSet<u16>, name: impl Fn(&u16) -> String) -> String {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for &value in values {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == value => *last = value,
            _ => runs.push((value, value)),
        }
    }
    let mut texts = Vec::new();
    for (first, last) in runs {
        match last - first {
            0 => texts.push(name(&first)),
            1 => texts.extend([name(&first), name(&last)]),
            _ => texts.push(format!("{} to {}", name(&first), name(&last))),
        }
    }
    listed(texts, "and")
}

fn listed(mut texts: Vec<String>, word: &str) -> String {
    match texts.pop() {
        None => String::new(),
        Some(last) if texts.is_empty() => last,
        Some(last) => format!("{} {word} {last}", texts.join(", ")),
    }
}
