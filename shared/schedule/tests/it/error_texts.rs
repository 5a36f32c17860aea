//! A refused schedule says what is wrong, where, and what to write.

use botticelli_schedule::Schedule;

const FORMS: &str = "write `every <duration>` such as `every 2 hours`, or a cron expression such as `0 9 * * MON-FRI` or \
                     `@daily`; `at <time>`, `immediate` and `manual` are schedules too";

/// The problem and the marked bytes.
fn refusal(text: &str) -> (String, String) {
    match text.parse::<Schedule>() {
        Ok(schedule) => (format!("accepted as {}", schedule.kind_name()), String::new()),
        Err(error) => (error.problem().to_owned(), text[error.span()].to_owned()),
    }
}

#[test]
fn the_text_is_shown_with_carets_under_the_bad_spot_and_the_accepted_forms() {
    let error = "every 2 fortnights"
        .parse::<Schedule>()
        .map_err(|error| error.to_string());
    let expected = format!(
        "schedule `every 2 fortnights`: `fortnights` is not a unit; use s, m, h, d or w\n  \
         every 2 fortnights\n          ^^^^^^^^^^\n{FORMS}"
    );
    assert_eq!(error, Err(expected));
}

#[test]
fn carets_count_characters_and_not_bytes() {
    let error = "0 9 * * Dönerstag"
        .parse::<Schedule>()
        .map_err(|error| error.to_string());
    let shown = error.err().unwrap_or_default();
    let lines = shown.lines().collect::<Vec<_>>();
    assert_eq!(
        lines.get(1..3),
        Some(["  0 9 * * Dönerstag", "          ^^^^^^^^^"].as_slice()),
        "{shown}"
    );
}

#[test]
fn intervals_are_refused_with_the_reason() {
    for (text, problem, marked) in [
        ("every", "the duration is missing after `every`", "every"),
        ("every hour", "a number is missing before `hour`", "hour"),
        ("every 5", "`5` has no unit; write `5s`, `5m` or `5h`", ""),
        ("every 5M", "`M` is ambiguous; write `m` for minutes or `months`", "M"),
        ("every -5 minutes", "a number is missing before `-5`", "-5"),
        ("every 0s", "the shortest interval is 1 second", "0s"),
        ("every 999ms", "the shortest interval is 1 second", "999ms"),
        ("every 2 years", "the longest interval is 366 days", "2 years"),
        (
            "every 1s 5us",
            "an interval is a whole number of milliseconds",
            "1s 5us",
        ),
        (
            "every 99999999999999999999 hours",
            "the number is too large",
            "99999999999999999999",
        ),
    ] {
        assert_eq!(refusal(text), (problem.to_owned(), marked.to_owned()), "{text}");
    }
}

#[test]
fn cron_expressions_are_refused_with_the_reason() {
    for (text, problem, marked) in [
        (
            "0 9 * *",
            "4 fields; cron has 5 (minute, hour, day of month, month, weekday), 6 (a second in front) or 7 (a year behind)",
            "0 9 * *",
        ),
        ("60 9 * * *", "minute `60` is not in 0-59", "60"),
        ("0 24 * * *", "hour `24` is not in 0-23", "24"),
        ("0 0 0 * *", "day of month `0` is not in 1-31", "0"),
        ("0 0 1 13 *", "month `13` is not in 1-12", "13"),
        ("0 0 * * 8", "weekday `8` is not in 0-7", "8"),
        ("0 0 0 1 1 * 2101", "year `2101` is not in 1970-2100", "2101"),
        (
            "0 99999999999 * * *",
            "hour `99999999999` is not in 0-23",
            "99999999999",
        ),
        ("x 9 * * *", "minute `x` is not a number in 0-59", "x"),
        (
            "0 0 * * MO",
            "weekday `MO` is neither in 0-7 nor one of SUN, MON, TUE, WED, THU, FRI, SAT",
            "MO",
        ),
        (
            "0 0 * JANUARY *",
            "month `JANUARY` is neither in 1-12 nor one of JAN, FEB, MAR, APR, MAY, JUN, JUL, AUG, SEP, OCT, NOV, DEC",
            "JANUARY",
        ),
        ("0,,30 9 * * *", "the minute is missing", ""),
        ("0 9- * * *", "the hour is missing", ""),
        (
            "0 17-9 * * *",
            "the range `17-9` runs backwards; write `17-23,0-9`",
            "17-9",
        ),
    ] {
        assert_eq!(refusal(text), (problem.to_owned(), marked.to_owned()), "{text}");
    }
}

#[test]
fn cron_forms_that_mean_something_else_elsewhere_are_refused_with_the_way_out() {
    for (text, problem, marked) in [
        ("5/15 * * * *", "a step needs `*` or a range; write `5-59/15`", "5/15"),
        ("*/0 * * * *", "step `0` is not a number above 0", "0"),
        ("*/x * * * *", "step `x` is not a number above 0", "x"),
        (
            "*/90 * * * *",
            "step `90` leaves the range of the minute; write `every 90 minutes`",
            "90",
        ),
        ("0 0 */40 * *", "step `40` leaves the range of the day of month", "40"),
        ("? * * * *", "minute `?` is not a number in 0-59", "?"),
        ("0 0 31 2 *", "no such date exists, so it is never due", "0 0 31 2 *"),
        (
            "0 0 0 29 2 * 2027",
            "no such date exists, so it is never due",
            "0 0 0 29 2 * 2027",
        ),
        (
            "CRON_TZ=Europe/Berlin 0 9 * * *",
            "a time zone has no place here; set `timezone`",
            "CRON_TZ=Europe/Berlin",
        ),
        (
            "@reboot",
            "`@reboot` does not exist in a fleet; `immediate` runs once for each new configuration",
            "@reboot",
        ),
        (
            "@fortnightly",
            "the names are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually",
            "@fortnightly",
        ),
    ] {
        assert_eq!(refusal(text), (problem.to_owned(), marked.to_owned()), "{text}");
    }
}

#[test]
fn other_words_are_refused() {
    assert_eq!(refusal("hourly"), ("not a schedule".to_owned(), "hourly".to_owned()));
    assert_eq!(refusal(""), ("the text is empty".to_owned(), String::new()));
}

#[test]
fn an_interval_of_366_days_is_the_longest() {
    assert_eq!(refusal("every 366 days").0, "accepted as Interval");
    assert_eq!(refusal("every 366 days 1 s").0, "the longest interval is 366 days");
    assert_eq!(refusal("every 1s").0, "accepted as Interval");
}
