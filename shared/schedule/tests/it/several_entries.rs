//! Schedules of several entries, and what they leave out.

use botticelli_schedule::{Schedule, ScheduleKind, TickOffset, Zone};

use crate::{TestResult, instant, ticks};

const MONDAY: &str = "2026-11-23T00:00:00Z";

#[test]
fn a_schedule_is_due_when_any_of_its_entries_is() -> TestResult {
    assert_eq!(
        ticks("0 9 * * *;  30 17 * * FRI ; at 2026-11-24T10:00:00+02:00", MONDAY, 5)?,
        [
            "2026-11-23 09:00:00",
            "2026-11-24 08:00:00",
            "2026-11-24 09:00:00",
            "2026-11-25 09:00:00",
            "2026-11-26 09:00:00"
        ]
    );
    let schedule: Schedule = "0 9 * * *; 0 9 * * MON".parse()?;
    assert_eq!(schedule.as_str(), "0 9 * * *; 0 9 * * MON");
    // Two that are due at once are one tick.
    assert_eq!(
        ticks(schedule.as_str(), MONDAY, 2)?,
        ["2026-11-23 09:00:00", "2026-11-24 09:00:00"]
    );
    Ok(())
}

#[test]
fn a_single_time_is_one_tick_and_over_then() -> TestResult {
    let schedule: Schedule = "at 2026-12-24T18:00:00+01:00".parse()?;
    let tick = instant("2026-12-24T17:00:00Z")?;
    assert_eq!(schedule.next_tick(instant(MONDAY)?, TickOffset::NONE), Some(tick));
    assert_eq!(schedule.next_tick(tick, TickOffset::NONE), None);
    assert_eq!(schedule.latest_tick(tick, TickOffset::NONE), Some(tick));
    assert_eq!(schedule.latest_tick(instant(MONDAY)?, TickOffset::NONE), None);
    assert_eq!((schedule.kind(), schedule.kind_name()), (ScheduleKind::Once, "Once"));
    Ok(())
}

#[test]
fn days_and_times_can_be_left_out() -> TestResult {
    assert_eq!(
        ticks("0 9 * * *; except 2026-11-24; except 2026-11-26..2026-11-28", MONDAY, 3)?,
        ["2026-11-23 09:00:00", "2026-11-25 09:00:00", "2026-11-29 09:00:00"]
    );
    // Of five fields whole minutes are left out, of six the seconds that are said.
    assert_eq!(
        ticks("*/20 * * * * *; except * 0-8 * * *; except 20 * * * * *", MONDAY, 3)?,
        ["2026-11-23 09:00:00", "2026-11-23 09:00:40", "2026-11-23 09:01:00"]
    );
    assert_eq!(
        ticks("@daily; except * * * * SAT,SUN", "2026-11-27T00:00:00Z", 2)?,
        ["2026-11-30 00:00:00", "2026-12-01 00:00:00"]
    );
    Ok(())
}

#[test]
fn days_that_are_left_out_are_those_of_the_zone() -> TestResult {
    let zone: Zone = "Asia/Tokyo".parse()?;
    let schedule = "0 3 * * *; except 2026-11-24".parse::<Schedule>()?.in_zone(zone);
    let first = schedule.next_tick(instant("2026-11-22T19:00:00Z")?, TickOffset::NONE);
    assert_eq!(first, Some(instant("2026-11-24T18:00:00Z")?));
    Ok(())
}

#[test]
fn both_directions_leave_out_the_same() -> TestResult {
    let schedule: Schedule = "*/7 * * * *; except * 3-5 * * *; except 2026-11-25".parse()?;
    let mut at = instant("2026-11-24T02:00:00Z")?;
    let mut before = None;
    for _ in 0..300 {
        let next = schedule.next_tick(at, TickOffset::NONE).ok_or("it goes on")?;
        if let Some(before) = before {
            let just_before = next - chrono::TimeDelta::nanoseconds(1);
            assert_eq!(schedule.latest_tick(just_before, TickOffset::NONE), Some(before));
        }
        assert_eq!(schedule.latest_tick(next, TickOffset::NONE), Some(next));
        before = Some(next);
        at = next;
    }
    Ok(())
}

#[test]
fn one_that_leaves_out_everything_ends() -> TestResult {
    let schedule: Schedule = "0 9 * * *; except * * * * *".parse()?;
    assert_eq!(schedule.next_tick(instant(MONDAY)?, TickOffset::NONE), None);
    assert_eq!(schedule.latest_tick(instant(MONDAY)?, TickOffset::NONE), None);
    Ok(())
}

#[test]
fn a_bad_entry_is_marked_where_it_stands() {
    for (text, problem, marked) in [
        ("0 9 * * *; 0 25 * * *", "hour `25` is not in 0-23", "25"),
        ("0 9 * * *;", "the text is empty", ""),
        (
            "0 9 * * *; manual",
            "`manual` has no ticks and stands alone",
            "0 9 * * *; manual",
        ),
        (
            "except 2026-12-24",
            "nothing is left to be excluded",
            "except 2026-12-24",
        ),
        ("@daily; except", "what is excluded is missing after `except`", "except"),
        (
            "@daily; except 2026-12-32",
            "`2026-12-32` is no day; write `2026-12-24`, `2026-12-24..2027-01-01` or a cron expression",
            "2026-12-32",
        ),
        (
            "@daily; except 2026-12-24..2026-12-2x",
            "`2026-12-2x` is no day; write `2026-12-24`, `2026-12-24..2027-01-01` or a cron expression",
            "2026-12-2x",
        ),
        (
            "@daily; except 2026-12-24..2026-12-01",
            "2026-12-01 is before 2026-12-24",
            "2026-12-24..2026-12-01",
        ),
        ("@daily; except * 99 * * *", "hour `99` is not in 0-23", "99"),
        ("at", "the time is missing after `at`", "at"),
        (
            "at 2026-12-24 18:00",
            "`2026-12-24 18:00` is no moment from 1970 to 2100 with its distance to UTC; write one such as `2026-12-24T18:00:00+01:00` or `2026-12-24T17:00:00Z`",
            "2026-12-24 18:00",
        ),
        (
            "at 2101-01-01T00:00:00Z",
            "the calendar goes from 1970 to 2100",
            "2101-01-01T00:00:00Z",
        ),
    ] {
        match text.parse::<Schedule>() {
            Ok(schedule) => panic!("{text} is accepted as {schedule:?}"),
            Err(error) => {
                let span = &error.shown()[error.span()];
                assert_eq!((error.problem(), span), (problem, marked), "{text}");
            }
        }
    }
}

#[test]
fn a_text_without_end_is_refused_in_a_few_words() {
    let endless = "0 9 * * *; ".repeat(100_000);
    let refused = endless.parse::<Schedule>().map_err(|error| error.to_string());
    let refused = refused.err().unwrap_or_default();
    assert!(
        refused.contains("1100000 bytes are more than a schedule may have, 4096"),
        "{refused}"
    );
    assert!(refused.len() < 700, "{}", refused.len());
}
