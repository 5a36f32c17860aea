//! An independent implementation (croner) agrees on every tick of many patterns.

use std::str::FromStr;

use botticelli_schedule::{Schedule, TickOffset};
use chrono::{DateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use croner::Cron;

use crate::{Numbers, TestResult};

const PATTERNS: usize = 400;
const INSTANTS_PER_PATTERN: usize = 10;
/// So many (expression, zone, instant) are compared unless it is said.
const TRIPLES: &str = "BOTTICELLI_TEST_SCHEDULE_TRIPLES";
const FEW_TRIPLES: usize = 5_000;

/// In any zone. Half of the instants are near a change of its clocks.
#[test]
fn every_tick_in_every_zone_agrees_with_an_independent_implementation() -> TestResult {
    let triples = std::env::var(TRIPLES).ok().and_then(|triples| triples.parse().ok());
    let triples = triples.unwrap_or(FEW_TRIPLES);
    let mut numbers = Numbers(0x0dd_ba11);
    let mut compared = 0;
    while compared < triples {
        let pattern = zoned_pattern(&mut numbers);
        let zone = TZ_VARIANTS[usize::try_from(numbers.below(TZ_VARIANTS.len() as u64))?];
        let Ok(schedule) = Schedule::from_str(&pattern) else {
            continue;
        };
        let schedule = schedule.in_zone(zone.name().parse()?);
        let oracle = Cron::from_str(&pattern)?;
        for _ in 0..20 {
            let mut at = some_instant(&mut numbers)?;
            if numbers.below(2) == 0 {
                at = near_a_change(zone, at);
            }
            let next = schedule.next_tick(at, TickOffset::NONE).ok_or("no next tick")?;
            // It gives up on dates that are many years away.
            let Ok(expected) = oracle.find_next_occurrence(&at.with_timezone(&zone), false) else {
                break;
            };
            assert_eq!(next, expected.to_utc(), "next tick of `{pattern}` in {zone} from {at}");
            let latest = schedule.latest_tick(next, TickOffset::NONE);
            assert_eq!(latest, Some(next), "`{pattern}` in {zone} from {at}");
            let before = schedule.latest_tick(next - TimeDelta::nanoseconds(1), TickOffset::NONE);
            assert!(
                before.is_none_or(|before| before <= at),
                "`{pattern}` in {zone} from {at}"
            );
            compared += 1;
        }
    }
    Ok(())
}

/// Up to three hours before or after the next change of the zone's clocks within a year; `at` itself where there is none.
fn near_a_change(zone: Tz, at: DateTime<Utc>) -> DateTime<Utc> {
    let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let mut early = at;
    for _ in 0..73 {
        let late = early + TimeDelta::days(5);
        if offset(early) != offset(late) {
            let mut late = late;
            let first = offset(early);
            while late - early > TimeDelta::hours(1) {
                let middle = early + (late - early) / 2;
                if offset(middle) == first {
                    early = middle;
                } else {
                    late = middle;
                }
            }
            let shift = i64::from(at.timestamp_subsec_nanos() % 21_600) - 10_800;
            return early + TimeDelta::seconds(shift + i64::from(at.timestamp_subsec_millis()));
        }
        early = late;
    }
    at
}

/// A pattern of which both implementations say the same of clocks that are changed: one fixed time of day, or an open hour.
/// croner takes a list of hours for an open one; we do not, as Vixie cron does not.
fn zoned_pattern(numbers: &mut Numbers) -> String {
    let time = match numbers.below(4) {
        0 => format!("{} {}", numbers.below(60), numbers.below(24)),
        1 => format!("{} {}", numbers.below(60), numbers.below(4)),
        2 => format!("{} *", field(numbers, 0, 59)),
        _ => format!("*/{} *", numbers.within(1, 30)),
    };
    let day_of_month = match numbers.below(4) {
        0 => field(numbers, 1, 31),
        1 => ["L", "15W", "1W", "LW"][usize::try_from(numbers.below(4)).unwrap_or(0)].to_owned(),
        _ => "*".to_owned(),
    };
    let weekday = match numbers.below(4) {
        _ if day_of_month != "*" => "*".to_owned(),
        0 => field(numbers, 0, 7),
        1 => ["MON#2", "SUN#L", "FRI#5", "0#1"][usize::try_from(numbers.below(4)).unwrap_or(0)].replace("#L", "L"),
        _ => "*".to_owned(),
    };
    let month = if numbers.below(3) == 0 {
        field(numbers, 1, 12)
    } else {
        "*".to_owned()
    };
    format!("{time} {day_of_month} {month} {weekday}")
}

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
