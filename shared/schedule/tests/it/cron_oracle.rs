//! An independent implementation (croner) agrees on every tick of many patterns.

use std::str::FromStr;

use botticelli_schedule::{Schedule, TickOffset};
use chrono::{DateTime, TimeDelta, Utc};
use croner::Cron;

use crate::{Numbers, TestResult};

const PATTERNS: usize = 400;
const INSTANTS_PER_PATTERN: usize = 10;

#[test]
fn every_tick_agrees_with_an_independent_implementation() -> TestResult {
    let mut numbers = Numbers(0x5eed_5eed_5eed_5eed);
    let mut compared = 0;
    for _ in 0..PATTERNS {
        let pattern = pattern(&mut numbers);
        let Ok(schedule) = Schedule::from_str(&pattern) else {
            // Dates that never come are refused here and searched for in vain there.
            continue;
        };
        let oracle = Cron::from_str(&pattern)?;
        for _ in 0..INSTANTS_PER_PATTERN {
            agree(&pattern, &schedule, &oracle, some_instant(&mut numbers)?)?;
            compared += 1;
        }
    }
    assert!(
        compared > PATTERNS * INSTANTS_PER_PATTERN * 9 / 10,
        "only {compared} compared"
    );
    Ok(())
}

fn agree(pattern: &str, schedule: &Schedule, oracle: &Cron, at: DateTime<Utc>) -> TestResult {
    let next = schedule.next_tick(at, TickOffset::NONE).ok_or("no next tick")?;
    let context = format!("`{pattern}` from {at}");
    assert_eq!(next, oracle.find_next_occurrence(&at, false)?, "next tick of {context}");
    assert!(next > at, "{context}");

    let latest = schedule.latest_tick(at, TickOffset::NONE).ok_or("no latest tick")?;
    assert_eq!(
        latest,
        oracle.find_previous_occurrence(&at, true)?,
        "latest tick of {context}"
    );
    assert!(latest <= at, "{context}");

    // Both directions walk the same ticks.
    assert_eq!(schedule.latest_tick(next, TickOffset::NONE), Some(next), "{context}");
    assert_eq!(
        schedule.latest_tick(next - TimeDelta::nanoseconds(1), TickOffset::NONE),
        Some(latest),
        "{context}"
    );
    assert_eq!(schedule.next_tick(latest, TickOffset::NONE), Some(next), "{context}");
    Ok(())
}

/// An instant in the years 1999 to 2060, a third of them on a whole minute.
fn some_instant(numbers: &mut Numbers) -> Result<DateTime<Utc>, &'static str> {
    let seconds = numbers.within(915_148_800, 2_840_140_800);
    let (seconds, nanos) = match numbers.below(3) {
        0 => (seconds - seconds % 60, 0),
        1 => (seconds, 0),
        _ => (seconds, numbers.below(1_000_000_000)),
    };
    let seconds = i64::try_from(seconds).map_err(|_| "too late")?;
    let nanos = u32::try_from(nanos).map_err(|_| "too fine")?;
    DateTime::from_timestamp(seconds, nanos).ok_or("no such instant")
}

fn pattern(numbers: &mut Numbers) -> String {
    let minute = field(numbers, 0, 59);
    let hour = field(numbers, 0, 23);
    let mut day_of_month = field(numbers, 1, 31);
    let month = if numbers.below(2) == 0 {
        "*".to_owned()
    } else {
        field(numbers, 1, 12)
    };
    let mut weekday = match numbers.below(4) {
        0 => "MON-FRI".to_owned(),
        1 => "TUE,SAT".to_owned(),
        _ => field(numbers, 0, 7),
    };
    // croner counts `*/2` as a restricted day field and Vixie cron does not; see `cron_meaning`.
    if day_of_month.starts_with("*/") {
        "*".clone_into(&mut weekday);
    } else if weekday.starts_with("*/") {
        "*".clone_into(&mut day_of_month);
    }
    let five = format!("{minute} {hour} {day_of_month} {month} {weekday}");
    if numbers.below(3) == 0 {
        format!("{} {five}", field(numbers, 0, 59))
    } else {
        five
    }
}

fn field(numbers: &mut Numbers, first: u64, last: u64) -> String {
    let a = numbers.within(first, last);
    let b = numbers.within(first, last);
    let (low, high) = (a.min(b), a.max(b));
    match numbers.below(6) {
        0 | 1 => "*".to_owned(),
        2 => a.to_string(),
        3 => format!("{a},{b}"),
        4 if low < high => format!("{low}-{high}/{}", numbers.within(1, high - low)),
        4 => format!("{low}-{high}"),
        _ => format!("*/{}", numbers.within(1, (last - first).min(6))),
    }
}
