//! Intervals tick at the same instants on every replica.

use botticelli_schedule::{Schedule, TickOffset};
use chrono::{DateTime, TimeDelta, Utc};

use crate::{Numbers, TestResult, instant, ticks};

#[test]
fn ticks_are_aligned_to_the_epoch_and_not_to_the_question() -> TestResult {
    let expected = ["2026-11-23 10:00:00", "2026-11-23 12:00:00", "2026-11-23 14:00:00"];
    assert_eq!(ticks("every 2 hours", "2026-11-23T08:00:00Z", 3)?, expected);
    assert_eq!(ticks("every 2 hours", "2026-11-23T09:59:59.999Z", 3)?, expected);
    Ok(())
}

#[test]
fn an_offset_shifts_every_tick_by_the_same_time_below_the_period() -> TestResult {
    let schedule: Schedule = "every 2 hours".parse()?;
    let from = instant("2026-11-23T08:00:00Z")?;
    let offset = TickOffset::of("generation");
    let first = schedule.next_tick(from, offset).ok_or("no tick")?;
    let second = schedule.next_tick(first, offset).ok_or("no tick")?;
    assert!(first > from && first <= from + TimeDelta::hours(2));
    assert_eq!(second - first, TimeDelta::hours(2));
    assert_ne!(Some(first), schedule.next_tick(from, TickOffset::of("curation")));
    Ok(())
}

#[test]
fn both_directions_walk_the_same_ticks() -> TestResult {
    let mut numbers = Numbers(0x1234_5678_9abc_def0);
    for _ in 0..2000 {
        let period = numbers.within(1000, 366 * 86_400_000);
        let schedule: Schedule = format!("every {}s {}ms", period / 1000, period % 1000).parse()?;
        let offset = TickOffset::of(&period.to_string());
        // From 1900 to 2100.
        let millis = i64::try_from(numbers.below(6_311_433_600_000))? - 2_208_988_800_000;
        let nanos = i64::try_from(numbers.below(1_000_000))?;
        let at = DateTime::from_timestamp_millis(millis).ok_or("no such instant")? + TimeDelta::nanoseconds(nanos);
        let next = schedule.next_tick(at, offset).ok_or("no next tick")?;
        let latest = schedule.latest_tick(at, offset).ok_or("no latest tick")?;
        assert!(latest <= at && at < next, "{schedule} at {at}: {latest} {next}");
        assert_eq!(next - latest, TimeDelta::milliseconds(i64::try_from(period)?));
        assert_eq!(schedule.latest_tick(next, offset), Some(next));
        assert_eq!(schedule.next_tick(latest, offset), Some(next));
    }
    Ok(())
}

#[test]
fn the_ends_of_the_calendar_have_no_tick_beyond_them() -> TestResult {
    let schedule: Schedule = "every 366 days".parse()?;
    assert_eq!(schedule.next_tick(DateTime::<Utc>::MAX_UTC, TickOffset::NONE), None);
    assert_eq!(schedule.latest_tick(DateTime::<Utc>::MIN_UTC, TickOffset::NONE), None);
    Ok(())
}
