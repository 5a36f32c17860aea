//! The period hint is the longest time without a tick.

use std::time::Duration;

use botticelli_schedule::{Schedule, TickOffset};

use crate::{Numbers, TestResult, instant};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

#[test]
fn the_hint_is_the_longest_gap_between_neighbouring_ticks() -> TestResult {
    for (schedule, seconds) in [
        ("every 90 minutes", 5400),
        ("* * * * *", 60),
        ("* * * * * *", 1),
        ("0 9 * * *", DAY),
        ("0 9 * * 1-5", 3 * DAY),
        ("0 9-17 * * *", 16 * HOUR),
        ("*/5 9-17 * * 1-5", 2 * DAY + 15 * HOUR + 5 * 60),
        ("10,50 * * * *", 40 * 60),
        ("0 0 1 * *", 31 * DAY),
        ("0 0 1 * MON", 7 * DAY),
        ("0 0 29 2 *", 4 * 366 * DAY - 3 * DAY),
    ] {
        let hint = schedule.parse::<Schedule>()?.period_hint();
        assert_eq!(hint, Some(Duration::from_secs(seconds)), "{schedule}");
    }
    Ok(())
}

#[test]
fn a_schedule_with_fewer_than_two_ticks_has_no_hint() -> TestResult {
    for schedule in ["immediate", "manual", "0 0 0 1 1 * 2030"] {
        assert_eq!(schedule.parse::<Schedule>()?.period_hint(), None, "{schedule}");
    }
    Ok(())
}

#[test]
fn no_gap_between_ticks_is_longer_than_the_hint_and_one_is_as_long() -> TestResult {
    let mut numbers = Numbers(0x00c0_ffee_00c0_ffee);
    for _ in 0..40 {
        let from = numbers.within(0, 20);
        let hours = format!("{from}-{}", numbers.within(from, 23));
        let schedule: Schedule = format!("{} {hours} * * {}", numbers.below(60), numbers.below(8)).parse()?;
        let hint = schedule.period_hint().ok_or("no hint")?;
        let mut tick = instant("2026-01-01T00:00:00Z")?;
        tick = schedule.next_tick(tick, TickOffset::NONE).ok_or("no tick")?;
        let mut longest = Duration::ZERO;
        for _ in 0..60 {
            let next = schedule.next_tick(tick, TickOffset::NONE).ok_or("no tick")?;
            longest = longest.max((next - tick).to_std()?);
            tick = next;
        }
        assert_eq!(longest, hint, "{schedule}");
    }
    Ok(())
}
