//! A schedule is its text, in files, in JSON and on the screen.

use botticelli_schedule::{Schedule, ScheduleKind, TickOffset};

use crate::{TestResult, instant};

#[test]
fn a_schedule_is_written_as_it_was_read() -> TestResult {
    for text in ["every 2 hours", "0 9 * * 1-5", "@daily", "immediate", "manual"] {
        let schedule: Schedule = text.parse()?;
        assert_eq!(schedule.to_string(), text);
        assert_eq!(schedule.as_str(), text);
        let json = serde_json::to_string(&schedule)?;
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Schedule>(&json)?, schedule);
    }
    Ok(())
}

#[test]
fn white_space_around_and_between_words_does_not_matter() -> TestResult {
    assert_eq!("  every\t2   hours ".parse::<Schedule>()?, "every 2 hours".parse()?);
    assert_ne!("every 2 hours".parse::<Schedule>()?, "every 120 minutes".parse()?);
    Ok(())
}

#[test]
fn a_bad_schedule_in_json_is_refused_with_its_own_message() {
    let refused = serde_json::from_str::<Schedule>("\"hourly\"").map_err(|error| error.to_string());
    assert!(refused.is_err_and(|error| error.starts_with("schedule `hourly`: not a schedule\n")));
}

#[test]
fn the_kind_has_the_name_that_the_api_shows() -> TestResult {
    for (text, kind, name) in [
        ("every 30 minutes", ScheduleKind::Interval, "Interval"),
        ("0 9 * * *", ScheduleKind::Cron, "Cron"),
        ("@hourly", ScheduleKind::Cron, "Cron"),
        ("immediate", ScheduleKind::Immediate, "Immediate"),
        ("manual", ScheduleKind::Manual, "Manual"),
    ] {
        let schedule: Schedule = text.parse()?;
        assert_eq!((schedule.kind(), schedule.kind_name()), (kind, name));
    }
    assert_eq!(Schedule::manual(), "manual".parse()?);
    Ok(())
}

#[test]
fn immediate_and_manual_have_no_ticks_of_their_own() -> TestResult {
    let now = instant("2026-11-23T09:00:00Z")?;
    for text in ["immediate", "manual"] {
        let schedule: Schedule = text.parse()?;
        assert_eq!(schedule.next_tick(now, TickOffset::NONE), None);
        assert_eq!(schedule.latest_tick(now, TickOffset::NONE), None);
    }
    Ok(())
}
