//! Days that depend on the month.

use botticelli_schedule::Schedule;

use crate::{TestResult, ticks};

fn days(schedule: &str, count: usize) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let ticks = ticks(schedule, "2027-01-01T00:00:00Z", count)?;
    Ok(ticks.iter().map(|tick| tick[5..10].to_owned()).collect())
}

#[test]
fn the_last_day_and_days_before_it_follow_the_month() -> TestResult {
    assert_eq!(days("0 9 L * *", 4)?, ["01-31", "02-28", "03-31", "04-30"]);
    assert_eq!(days("0 9 L-2 * *", 2)?, ["01-29", "02-26"]);
    assert_eq!(days("0 9 L 2 *", 2)?, ["02-28", "02-29"]);
    // No month has a day 30 days before its last but those of 31.
    assert_eq!(days("0 9 L-30 * *", 3)?, ["01-01", "03-01", "05-01"]);
    Ok(())
}

#[test]
fn the_nearest_workday_never_leaves_its_month() -> TestResult {
    // 1 May 2027 is a Saturday, 15 May too, 31 October a Sunday.
    assert_eq!(days("0 9 1W 5 *", 1)?, ["05-03"]);
    assert_eq!(days("0 9 15W 5 *", 1)?, ["05-14"]);
    assert_eq!(days("0 9 31W 10 *", 1)?, ["10-29"]);
    assert_eq!(days("0 9 LW 10 *", 1)?, ["10-29"]);
    // Sunday the 14th of March.
    assert_eq!(days("0 9 14W 3 *", 1)?, ["03-15"]);
    Ok(())
}

#[test]
fn a_weekday_can_be_the_nth_or_the_last_of_its_month() -> TestResult {
    assert_eq!(days("0 9 * * MON#2", 3)?, ["01-11", "02-08", "03-08"]);
    assert_eq!(days("0 9 * * 5#5", 3)?, ["01-29", "04-30", "07-30"]);
    assert_eq!(days("0 9 * * FRIL", 3)?, ["01-29", "02-26", "03-26"]);
    assert_eq!(days("0 9 * * 5L,MON#1", 4)?, ["01-04", "01-29", "02-01", "02-26"]);
    Ok(())
}

#[test]
fn they_stand_beside_ordinary_days_and_either_day_field_is_enough() -> TestResult {
    assert_eq!(days("0 9 1,15,L * *", 4)?, ["01-01", "01-15", "01-31", "02-01"]);
    assert_eq!(days("0 9 L * MON#1", 3)?, ["01-04", "01-31", "02-01"]);
    Ok(())
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (text, problem) in [
        ("0 0 L-31 * *", "`31` is not a number of days in 1-30"),
        ("0 0 32W * *", "day of month `32` is not in 1-31"),
        (
            "0 0 * * MON#6",
            "a month has a weekday at most 5 times, so `6` is not in 1-5",
        ),
        (
            "0 0 * * L",
            "`L` alone says nothing of a weekday; write `5L` or `FRIL` for the last Friday of the month",
        ),
        (
            "0 0 * * MO#1",
            "weekday `MO` is neither in 0-7 nor one of SUN, MON, TUE, WED, THU, FRI, SAT",
        ),
        ("0 0 31W 2 *", "no such date exists, so it is never due"),
        ("0 L * * *", "hour `L` is not a number in 0-23"),
    ] {
        let refused = text.parse::<Schedule>().map_err(|error| error.problem().to_owned());
        assert_eq!(refused, Err(problem.to_owned()), "{text}");
    }
}
