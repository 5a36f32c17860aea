//! Schedules in words.

use botticelli_schedule::Schedule;

use crate::TestResult;

#[test]
fn a_schedule_is_told_in_plain_words() -> TestResult {
    for (text, words) in [
        ("every 2 hours", "every 2h"),
        ("0 9 * * 1-5", "at 09:00 on Monday to Friday (UTC)"),
        ("30 8,20 * * SUN", "at 08:30 and 20:30 on Sunday (UTC)"),
        ("*/15 * * * *", "every 15 minutes (UTC)"),
        ("* * * * *", "every minute (UTC)"),
        ("*/10 * * * * *", "every 10 seconds (UTC)"),
        ("17 * * * *", "at minute 17 of every hour (UTC)"),
        ("5,35 9-17 * * *", "at minutes 5 and 35 in the hours 09 to 17 (UTC)"),
        ("@monthly", "at 00:00 on day 1 of the month (UTC)"),
        ("@yearly", "at 00:00 on day 1 of the month in January (UTC)"),
        (
            "0 9 L * MON#2",
            "at 09:00 on the last day of the month and on the second Monday of the month (UTC)",
        ),
        (
            "0 9 15W 3-5,12 *",
            "at 09:00 on the workday nearest to day 15 of the month in March to May and December (UTC)",
        ),
        (
            "0 0 9 1 1 * 2027",
            "at 09:00 on day 1 of the month in January of 2027 (UTC)",
        ),
        ("at 2026-12-24T18:00:00+01:00", "once, at 2026-12-24 17:00:00 UTC"),
        (
            "immediate; @daily",
            "once for each new configuration and at 00:00 (UTC)",
        ),
        ("manual", "only when it is asked to"),
        (
            "0 9 * * *; except 2026-12-24..2026-12-26; except * * * * SUN",
            "at 09:00, except from 2026-12-24 to 2026-12-26 and every minute on Sunday (UTC)",
        ),
    ] {
        assert_eq!(text.parse::<Schedule>()?.describe(), words, "{text}");
    }
    let berlin = "0 9 * * *".parse::<Schedule>()?.in_zone("Europe/Berlin".parse()?);
    assert_eq!(berlin.describe(), "at 09:00 (Europe/Berlin)");
    Ok(())
}
