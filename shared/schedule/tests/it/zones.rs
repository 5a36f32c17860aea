//! Clocks that are set forward and back: no tick vanishes, doubles or drifts.

use std::collections::BTreeSet;

use botticelli_schedule::{Schedule, TickOffset, Zone};
use chrono::{DateTime, Datelike, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};

use crate::{TestResult, instant};

/// The ticks in a zone after `after`, as its clocks show them.
fn wall(schedule: &str, zone: &str, after: &str, count: usize) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let zone: Zone = zone.parse()?;
    let schedule = schedule.parse::<Schedule>()?.in_zone(zone);
    let first = schedule.next_tick(instant(after)?, TickOffset::NONE);
    let ticks = std::iter::successors(first, |&tick| schedule.next_tick(tick, TickOffset::NONE));
    let shown = |tick: DateTime<Utc>| zone.wall_clock(tick).format("%d %H:%M%:::z").to_string();
    Ok(ticks.take(count).map(shown).collect())
}

#[test]
fn a_fixed_time_in_the_gap_is_due_once_at_the_first_instant_behind_it() -> TestResult {
    for schedule in ["30 2 * * *", "0,15,30 2 * * *"] {
        assert_eq!(
            wall(schedule, "Europe/Berlin", "2027-03-27T12:00:00Z", 2)?[0],
            "28 03:00+02",
            "{schedule}"
        );
    }
    assert_eq!(
        wall("0 3 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", 2)?,
        ["28 03:00+02", "29 03:00+02"]
    );
    Ok(())
}

#[test]
fn a_fixed_time_that_comes_twice_is_due_in_the_first_pass_only() -> TestResult {
    assert_eq!(
        wall("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2)?,
        ["25 02:30+02", "26 02:30+01"]
    );
    // Asked in the second pass.
    assert_eq!(
        wall("45 2 * * *", "Europe/Berlin", "2026-10-25T01:15:00Z", 1)?,
        ["26 02:45+01"]
    );
    Ok(())
}

#[test]
fn an_open_time_is_due_in_both_passes_and_not_in_the_gap() -> TestResult {
    assert_eq!(
        wall("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", 6)?,
        [
            "25 02:00+02",
            "25 02:30+02",
            "25 02:00+01",
            "25 02:30+01",
            "25 03:00+01",
            "25 03:30+01"
        ]
    );
    assert_eq!(
        wall("15 * * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", 2)?,
        ["28 01:15+01", "28 03:15+02"]
    );
    Ok(())
}

#[test]
fn an_interval_keeps_its_distance_whatever_clocks_do() -> TestResult {
    let zone: Zone = "Europe/Berlin".parse()?;
    let schedule = "every 1 hour".parse::<Schedule>()?.in_zone(zone);
    let mut tick = instant("2026-10-24T20:00:00Z")?;
    for _ in 0..10 {
        let next = schedule.next_tick(tick, TickOffset::NONE).ok_or("it goes on")?;
        assert_eq!(next - tick, TimeDelta::hours(1));
        tick = next;
    }
    Ok(())
}

#[test]
fn a_day_that_a_zone_left_out_is_made_up_for_at_its_end() -> TestResult {
    // Samoa had no 30 December 2011.
    assert_eq!(
        wall("0 9 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", 3)?,
        ["29 09:00-10", "31 00:00+14", "31 09:00+14"]
    );
    Ok(())
}

#[test]
fn a_zone_that_there_is_not_is_refused_with_the_one_that_was_meant() {
    for (name, message) in [
        (
            "Europe/Berln",
            "`Europe/Berln` is no time zone; did you mean `Europe/Berlin`?",
        ),
        ("berlin", "`berlin` is no time zone; did you mean `Europe/Berlin`?"),
        (
            "America/New York",
            "`America/New York` is no time zone; did you mean `America/New_York`?",
        ),
        (
            "Middle-earth/Shire",
            "`Middle-earth/Shire` is no time zone; write a name of the IANA database such as `Europe/Berlin`",
        ),
        (
            "",
            "`` is no time zone; write a name of the IANA database such as `Europe/Berlin`",
        ),
    ] {
        let refused = name.parse::<Zone>().map_err(|error| error.to_string());
        assert_eq!(refused, Err(message.to_owned()));
    }
}

/// An expression, and what it means for the time and day that a clock shows.
struct Pattern {
    text: &'static str,
    leaves_time_open: bool,
    matches: fn(NaiveDateTime) -> bool,
}

const PATTERNS: [Pattern; 7] = [
    Pattern {
        text: "30 2 * * *",
        leaves_time_open: false,
        matches: |wall| (wall.hour(), wall.minute()) == (2, 30),
    },
    Pattern {
        text: "0,20,59 0-4 * * *",
        leaves_time_open: false,
        matches: |wall| wall.hour() <= 4 && [0, 20, 59].contains(&wall.minute()),
    },
    Pattern {
        text: "0 0,23 * * *",
        leaves_time_open: false,
        matches: |wall| [0, 23].contains(&wall.hour()) && wall.minute() == 0,
    },
    Pattern {
        text: "*/20 * * * *",
        leaves_time_open: true,
        matches: |wall| wall.minute().is_multiple_of(20),
    },
    Pattern {
        text: "*/15 1-3 * * *",
        leaves_time_open: true,
        matches: |wall| (1..=3).contains(&wall.hour()) && wall.minute().is_multiple_of(15),
    },
    Pattern {
        text: "45 * * * SUN",
        leaves_time_open: true,
        matches: |wall| wall.minute() == 45 && wall.weekday().num_days_from_sunday() == 0,
    },
    Pattern {
        text: "10 1 L * *",
        leaves_time_open: false,
        matches: |wall| {
            (wall.hour(), wall.minute()) == (1, 10) && wall.day() == u32::from(wall.date().num_days_in_month())
        },
    },
];

/// Every instant in which a clock in the zone is changed in those years, and by how much.
fn changes(zone: Tz, years: std::ops::Range<i32>) -> Vec<(DateTime<Utc>, TimeDelta)> {
    let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc();
    let begin = Utc.with_ymd_and_hms(years.start, 1, 1, 0, 0, 0).unwrap();
    let end = Utc.with_ymd_and_hms(years.end, 1, 1, 0, 0, 0).unwrap();
    let mut found = Vec::new();
    let mut at = begin;
    while at < end {
        // No zone changes its clocks twice in half a day.
        let next = at + TimeDelta::hours(12);
        if offset(at) != offset(next) {
            let (mut early, mut late) = (at, next);
            while late - early > TimeDelta::seconds(1) {
                let middle = early + TimeDelta::seconds((late - early).num_seconds() / 2);
                if offset(middle) == offset(at) {
                    early = middle;
                } else {
                    late = middle;
                }
            }
            found.push((late, TimeDelta::seconds((offset(next) - offset(at)).into())));
        }
        at = next;
    }
    found
}

/// The due minutes from `begin` to `end`, found by looking at a clock every minute.
fn watched(pattern: &Pattern, zone: Tz, begin: DateTime<Utc>, end: DateTime<Utc>) -> BTreeSet<DateTime<Utc>> {
    let wall = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
    let mut due = BTreeSet::new();
    let mut shown = BTreeSet::new();
    let mut at = begin;
    let mut before = wall(at) - TimeDelta::minutes(1);
    while at < end {
        let now = wall(at);
        let is_new = shown.insert(now);
        if (pattern.matches)(now) && (is_new || pattern.leaves_time_open) {
            due.insert(at);
        }
        // Minutes that the clock leapt over.
        let mut skipped = before + TimeDelta::minutes(1);
        while skipped < now {
            if (pattern.matches)(skipped) && !pattern.leaves_time_open {
                due.insert(at);
            }
            skipped += TimeDelta::minutes(1);
        }
        before = now;
        at += TimeDelta::minutes(1);
    }
    due
}

#[test]
fn around_every_change_of_every_zone_in_ten_years_ticks_are_those_that_a_clock_shows() -> TestResult {
    let mut seen = BTreeSet::new();
    let (mut zones, mut compared) = (0, 0);
    for zone in TZ_VARIANTS {
        let changes = changes(zone, 2026..2036);
        let unchanging = zone
            .offset_from_utc_datetime(&instant("2026-01-01T00:00:00Z")?.naive_utc())
            .fix();
        // Many names stand for the same clocks.
        if !seen.insert((unchanging.local_minus_utc(), changes.clone())) {
            continue;
        }
        zones += 1;
        for (change, _) in changes {
            for pattern in &PATTERNS {
                let schedule = pattern.text.parse::<Schedule>()?.in_zone(zone.name().parse()?);
                // Long before, so that nothing that is shown twice was shown before.
                let (begin, end) = (change - TimeDelta::hours(6), change + TimeDelta::hours(6));
                let expected = watched(pattern, zone, begin, end);
                let from = begin - TimeDelta::nanoseconds(1);
                let ticks = std::iter::successors(schedule.next_tick(from, TickOffset::NONE), |&tick| {
                    schedule.next_tick(tick, TickOffset::NONE)
                });
                let ticks: BTreeSet<_> = ticks.take_while(|tick| *tick < end).collect();
                let context = format!("`{}` in {zone} at {change}", pattern.text);
                assert_eq!(ticks, expected, "{context}");
                // And backwards, from every quarter of an hour.
                let mut at = begin;
                while at < end {
                    let latest = schedule.latest_tick(at, TickOffset::NONE).filter(|tick| *tick >= begin);
                    assert_eq!(
                        latest,
                        expected.range(..=at).next_back().copied(),
                        "{context} from {at}"
                    );
                    let next = schedule.next_tick(at, TickOffset::NONE).filter(|tick| *tick < end);
                    let after = at + TimeDelta::nanoseconds(1);
                    assert_eq!(next, expected.range(after..).next().copied(), "{context} from {at}");
                    at += TimeDelta::minutes(15);
                }
                compared += expected.len();
            }
        }
    }
    assert!(zones > 50 && compared > 10_000, "{zones} zones, {compared} ticks");
    Ok(())
}
