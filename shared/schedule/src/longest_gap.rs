//! The longest silence that a cron expression prescribes.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::NaiveDate;

use crate::cron_expression::Fields;

const DAY: u64 = 86_400;

/// The longest time between two neighbouring ticks; `None` when there are fewer than two.
pub(crate) fn longest_gap(fields: &Fields) -> Option<Duration> {
    let times = TimesOfDay::of(fields)?;
    let between_days = longest_day_gap(fields).map(|days| days * DAY + times.first - times.last);
    let gap = between_days.max(times.longest_gap);
    gap.map(Duration::from_secs)
}

/// The due times within a due day, in seconds since midnight.
struct TimesOfDay {
    first: u64,
    last: u64,
    longest_gap: Option<u64>,
}

impl TimesOfDay {
    fn of(fields: &Fields) -> Option<Self> {
        let (first_second, last_second) = ends(fields.second.values())?;
        let (first_minute, last_minute) = ends(fields.minute.values())?;
        let (first_hour, last_hour) = ends(fields.hour.values())?;
        let first_in_hour = first_minute * 60 + first_second;
        let last_in_hour = last_minute * 60 + last_second;
        let second_gap = longest_step(fields.second.values());
        let minute_gap = longest_step(fields.minute.values()).map(|step| step * 60 + first_second - last_second);
        let hour_gap = longest_step(fields.hour.values()).map(|step| step * 3600 + first_in_hour - last_in_hour);
        Some(Self {
            first: first_hour * 3600 + first_in_hour,
            last: last_hour * 3600 + last_in_hour,
            longest_gap: second_gap.max(minute_gap).max(hour_gap),
        })
    }
}

fn ends(values: &BTreeSet<u16>) -> Option<(u64, u64)> {
    Some((u64::from(*values.first()?), u64::from(*values.last()?)))
}

fn longest_step(values: &BTreeSet<u16>) -> Option<u64> {
    values
        .iter()
        .zip(values.iter().skip(1))
        .map(|(a, b)| u64::from(b - a))
        .max()
}

/// The most days between two neighbouring due days.
fn longest_day_gap(fields: &Fields) -> Option<u64> {
    let days = [&fields.day_of_month, &fields.month, &fields.weekday, &fields.year];
    if days.iter().all(|field| field.is_full()) {
        return Some(1);
    }
    let first = NaiveDate::from_ymd_opt(i32::from(*fields.year.values().first()?), 1, 1)?;
    let end = NaiveDate::from_ymd_opt(i32::from(*fields.year.values().last()?) + 1, 1, 1)?;
    let mut longest = None;
    let mut previous = None;
    for date in first
        .iter_days()
        .take_while(|&date| date < end)
        .filter(|&date| fields.includes(date))
    {
        if let Some(previous) = previous.replace(date) {
            longest = longest.max(u64::try_from((date - previous).num_days()).ok());
        }
    }
    longest
}
