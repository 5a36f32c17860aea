//! Cron means what Unix means, where the crate underneath means something else.

use botticelli_schedule::{Schedule, TickOffset};

use crate::{TestResult, instant, ticks};

const MONDAY: &str = "2026-11-23T00:00:00Z";

#[test]
fn five_fields_are_accepted_and_due_at_second_zero() -> TestResult {
    assert_eq!(
        ticks("0 9 * * *", MONDAY, 2)?,
        ["2026-11-23 09:00:00", "2026-11-24 09:00:00"]
    );
    Ok(())
}

#[test]
fn a_sixth_field_in_front_is_the_second() -> TestResult {
    assert_eq!(
        ticks("*/20 0 9 * * *", MONDAY, 4)?,
        [
            "2026-11-23 09:00:00",
            "2026-11-23 09:00:20",
            "2026-11-23 09:00:40",
            "2026-11-24 09:00:00",
        ]
    );
    Ok(())
}

#[test]
fn a_seventh_field_behind_is_the_year() -> TestResult {
    assert_eq!(
        ticks("0 0 0 1 1 * 2028,2030", MONDAY, 3)?,
        ["2028-01-01 00:00:00", "2030-01-01 00:00:00"]
    );
    Ok(())
}

#[test]
fn weekdays_one_to_five_are_monday_to_friday() -> TestResult {
    assert_eq!(
        ticks("0 9 * * 1-5", "2026-11-26T12:00:00Z", 2)?,
        ["2026-11-27 09:00:00", "2026-11-30 09:00:00"]
    );
    Ok(())
}

#[test]
fn sunday_is_zero_and_seven_and_its_name() -> TestResult {
    for weekday in ["0", "7", "SUN", "sun"] {
        let schedule = format!("0 0 * * {weekday}");
        assert_eq!(
            ticks(&schedule, MONDAY, 2)?,
            ["2026-11-29 00:00:00", "2026-12-06 00:00:00"],
            "{schedule}"
        );
    }
    Ok(())
}

#[test]
fn a_weekday_range_may_end_with_the_sunday_after_it() -> TestResult {
    for weekdays in ["5-7", "FRI-SUN", "5-0", "fri-7"] {
        let schedule = format!("0 0 * * {weekdays}");
        let expected = [
            "2026-11-27 00:00:00",
            "2026-11-28 00:00:00",
            "2026-11-29 00:00:00",
            "2026-12-04 00:00:00",
        ];
        assert_eq!(ticks(&schedule, MONDAY, 4)?, expected, "{schedule}");
    }
    Ok(())
}

#[test]
fn a_restricted_day_of_month_and_a_restricted_weekday_are_due_when_either_matches() -> TestResult {
    assert_eq!(
        ticks("0 9 1 * MON", MONDAY, 4)?,
        [
            "2026-11-23 09:00:00",
            "2026-11-30 09:00:00",
            "2026-12-01 09:00:00",
            "2026-12-07 09:00:00",
        ]
    );
    Ok(())
}

#[test]
fn a_day_that_matches_both_day_fields_is_one_tick() -> TestResult {
    // The 1st of February 2027 is a Monday.
    assert_eq!(
        ticks("0 9 1 * MON", "2027-01-31T00:00:00Z", 2)?,
        ["2027-02-01 09:00:00", "2027-02-08 09:00:00"]
    );
    Ok(())
}

#[test]
fn a_day_field_that_begins_with_a_star_does_not_make_the_other_optional() -> TestResult {
    assert_eq!(
        ticks("0 0 */2 * MON", MONDAY, 2)?,
        ["2026-12-07 00:00:00", "2026-12-21 00:00:00"]
    );
    Ok(())
}

#[test]
fn a_question_mark_in_a_day_field_is_a_star() -> TestResult {
    assert_eq!(
        ticks("0 9 ? * MON", MONDAY, 2)?,
        ["2026-11-23 09:00:00", "2026-11-30 09:00:00"]
    );
    assert_eq!(
        ticks("0 9 1 * ?", MONDAY, 2)?,
        ["2026-12-01 09:00:00", "2027-01-01 09:00:00"]
    );
    Ok(())
}

#[test]
fn the_names_stand_for_their_expressions() -> TestResult {
    for (name, tick) in [
        ("@hourly", "2026-11-23 01:00:00"),
        ("@daily", "2026-11-24 00:00:00"),
        ("@midnight", "2026-11-24 00:00:00"),
        ("@weekly", "2026-11-29 00:00:00"),
        ("@monthly", "2026-12-01 00:00:00"),
        ("@yearly", "2027-01-01 00:00:00"),
        ("@annually", "2027-01-01 00:00:00"),
    ] {
        assert_eq!(ticks(name, MONDAY, 1)?, [tick], "{name}");
    }
    Ok(())
}

#[test]
fn a_leap_day_waits_for_a_leap_year() -> TestResult {
    assert_eq!(
        ticks("0 0 29 2 *", MONDAY, 2)?,
        ["2028-02-29 00:00:00", "2032-02-29 00:00:00"]
    );
    Ok(())
}

#[test]
fn the_offset_leaves_cron_alone() -> TestResult {
    let schedule: Schedule = "0 9 * * *".parse()?;
    let nine = instant("2026-11-23T09:00:00Z")?;
    assert_eq!(
        schedule.next_tick(instant(MONDAY)?, TickOffset::of("posting")),
        Some(nine)
    );
    assert_eq!(schedule.latest_tick(nine, TickOffset::of("posting")), Some(nine));
    Ok(())
}

#[test]
fn the_latest_tick_of_years_gone_by_is_their_last() -> TestResult {
    let schedule: Schedule = "0 0 12 24 12 * 2020-2022".parse()?;
    let latest = schedule.latest_tick(instant("2026-03-01T00:00:00Z")?, TickOffset::NONE);
    assert_eq!(latest, Some(instant("2022-12-24T12:00:00Z")?));
    assert_eq!(
        schedule.next_tick(instant("2026-03-01T00:00:00Z")?, TickOffset::NONE),
        None
    );
    assert_eq!(
        schedule.latest_tick(instant("2020-12-24T11:59:59Z")?, TickOffset::NONE),
        None
    );
    Ok(())
}

#[test]
fn the_ends_of_the_calendar_are_answered_and_not_overflowed() -> TestResult {
    use chrono::{DateTime, Utc};
    let schedule: Schedule = "* * * * * *".parse()?;
    let first = instant("1970-01-01T00:00:00Z")?;
    let last = instant("2100-12-31T23:59:59Z")?;
    let none = TickOffset::NONE;
    assert_eq!(schedule.next_tick(DateTime::<Utc>::MIN_UTC, none), Some(first));
    assert_eq!(schedule.latest_tick(first, none), Some(first));
    assert_eq!(schedule.latest_tick(DateTime::<Utc>::MIN_UTC, none), None);
    assert_eq!(schedule.next_tick(DateTime::<Utc>::MAX_UTC, none), None);
    assert_eq!(schedule.next_tick(last, none), None);
    assert_eq!(schedule.latest_tick(DateTime::<Utc>::MAX_UTC, none), Some(last));
    Ok(())
}
