//! What becomes of the ticks of one schedule at one moment, by cases.

use std::time::Duration;

use botticelli_schedule::{CatchUp, Overlap, Timing};
use botticelli_timetable::{Outcome, Plan, Standing};

use crate::{at, timing};

/// Everything up to then is decided.
fn until(time: &str) -> Standing {
    Standing {
        decided_until: Some(at(time)),
        ..Standing::default()
    }
}

fn busy(time: &str) -> Standing {
    Standing {
        is_busy: true,
        ..until(time)
    }
}

/// `tick outcome`, `tick..last xN outcome` for a stretch, and when there is something to decide again.
fn planned(timing: &Timing, standing: &Standing, now: &str) -> Vec<String> {
    let plan = Plan::of(timing, standing, at(now));
    let mut lines: Vec<String> = plan
        .decisions
        .iter()
        .map(|decision| {
            let ticks = match decision.ticks {
                1 => decision.at.format("%H:%M").to_string(),
                n => format!(
                    "{}..{} x{n}",
                    decision.at.format("%H:%M"),
                    decision.through.format("%H:%M")
                ),
            };
            match &decision.outcome {
                Outcome::Enqueued { run_at } if *run_at == decision.at => format!("{ticks} runs"),
                Outcome::Enqueued { run_at } => format!("{ticks} runs at {}", run_at.format("%H:%M:%S")),
                Outcome::Skipped(reason) => format!("{ticks} skipped: {reason}"),
                Outcome::Missed(_) => format!("{ticks} missed"),
                Outcome::Buffered => format!("{ticks} waits"),
            }
        })
        .collect();
    if plan.cancels_last {
        lines.push("cancels the last job".to_owned());
    }
    let next = plan.next_look.map(|next| next.format("%H:%M:%S").to_string());
    lines.push(format!("next {}", next.unwrap_or_else(|| "never".to_owned())));
    lines
}

#[test]
fn ticks_up_to_now_are_decided_once() {
    let hourly = timing("0 * * * *");
    for (standing, now, expected) in [
        // A new schedule has no past.
        (Standing::default(), "09:00", &["next 10:00:00"][..]),
        (until("08:30"), "08:59", &["next 09:00:00"]),
        (until("08:30"), "09:00", &["09:00 runs", "next 10:00:00"]),
        (until("09:00"), "09:00", &["next 10:00:00"]),
        // A clock that was set back.
        (until("09:00"), "07:00", &["next 10:00:00"]),
    ] {
        assert_eq!(planned(&hourly, &standing, now), expected, "{standing:?} at {now}");
    }
    assert_eq!(planned(&timing("manual"), &until("08:30"), "09:00"), ["next never"]);
}

#[test]
fn ticks_while_no_scheduler_ran_are_caught_up_as_the_policy_says() {
    for (catch_up, window, expected) in [
        (CatchUp::None, 24, &["09:00..12:00 x4 missed", "next 13:00:00"][..]),
        (
            CatchUp::Latest,
            24,
            &["09:00..11:00 x3 missed", "12:00 runs", "next 13:00:00"],
        ),
        (
            CatchUp::All,
            24,
            &["09:00 runs", "10:00 runs", "11:00 runs", "12:00 runs", "next 13:00:00"],
        ),
        (
            CatchUp::All,
            2,
            &["09:00..10:00 x2 missed", "11:00 runs", "12:00 runs", "next 13:00:00"],
        ),
        (CatchUp::Latest, 0, &["09:00..12:00 x4 missed", "next 13:00:00"]),
    ] {
        let timing = Timing {
            catch_up,
            catch_up_window: Duration::from_hours(window),
            overlap: Overlap::Allow,
            ..timing("0 * * * *")
        };
        assert_eq!(
            planned(&timing, &until("08:30"), "12:30"),
            expected,
            "{catch_up:?} {window} h"
        );
    }
    // Of those of the last minute one runs, and a window of nothing is one of a minute.
    for catch_up in [CatchUp::None, CatchUp::Latest] {
        let often = Timing {
            catch_up,
            catch_up_window: Duration::ZERO,
            ..timing("*/15 * * * * *")
        };
        assert_eq!(
            planned(&often, &until("09:00"), "09:01"),
            ["09:00..09:00 x3 missed", "09:01 runs", "next 09:01:15"]
        );
    }
    // What is a moment late is no outage.
    let none = Timing {
        catch_up: CatchUp::None,
        ..timing("0 * * * *")
    };
    assert_eq!(
        planned(&none, &until("08:30"), "09:01"),
        ["09:00 runs", "next 10:00:00"]
    );
    assert_eq!(
        planned(&none, &until("08:30"), "09:02"),
        ["09:00 missed", "next 10:00:00"]
    );
}

#[test]
fn ticks_on_record_are_not_decided_again_and_take_nothing_from_those_around_them() {
    let recorded = Standing {
        recorded: [at("09:00"), at("11:00"), at("13:00")].into(),
        ..until("08:30")
    };
    let none = Timing {
        catch_up: CatchUp::None,
        ..timing("0 * * * *")
    };
    assert_eq!(
        planned(&none, &recorded, "13:30"),
        ["10:00 missed", "12:00 missed", "next 14:00:00"]
    );
    let all = Timing {
        catch_up: CatchUp::All,
        overlap: Overlap::CancelOther,
        ..timing("0 * * * *")
    };
    let last = Standing {
        is_busy: true,
        recorded: [at("09:00")].into(),
        ..until("08:30")
    };
    assert_eq!(
        planned(&all, &last, "09:30"),
        ["next 10:00:00"],
        "nothing is cancelled for it"
    );
}

#[test]
fn many_that_are_caught_up_are_decided_by_the_hundred() {
    let all = Timing {
        catch_up: CatchUp::All,
        overlap: Overlap::Allow,
        ..timing("* * * * *")
    };
    let first = Plan::of(&all, &until("08:00"), at("12:00"));
    assert_eq!(first.decisions.len(), 100);
    assert_eq!(first.next_look, Some(at("09:41")));
    let then = Standing {
        decided_until: Some(first.decided_until),
        ..Standing::default()
    };
    assert_eq!(Plan::of(&all, &then, at("12:00")).decisions[0].at, at("09:41"));
}

#[test]
fn a_tick_that_meets_the_last_job_follows_the_policy() {
    for (overlap, expected) in [
        (
            Overlap::Skip,
            &["09:00 skipped: its last job waits or runs still", "next 10:00:00"][..],
        ),
        (Overlap::Allow, &["09:00 runs", "next 10:00:00"]),
        (
            Overlap::CancelOther,
            &["09:00 runs", "cancels the last job", "next 10:00:00"],
        ),
        (Overlap::BufferOne, &["09:00 waits", "next 09:00:01"]),
    ] {
        let timing = Timing {
            overlap,
            ..timing("0 * * * *")
        };
        assert_eq!(planned(&timing, &busy("08:30"), "09:00"), expected, "{overlap:?}");
        assert_eq!(
            planned(&timing, &until("08:30"), "09:00"),
            ["09:00 runs", "next 10:00:00"]
        );
    }
}

#[test]
fn one_tick_waits_those_after_it_do_not_and_it_runs_when_the_job_has_ended() {
    let timing = Timing {
        overlap: Overlap::BufferOne,
        ..timing("0 * * * *")
    };
    let waits = Standing {
        buffered: Some(at("09:00")),
        ..busy("09:00")
    };
    assert_eq!(
        planned(&timing, &waits, "10:00"),
        [
            "10:00 skipped: one waits already for the end of its last job",
            "next 10:00:01"
        ]
    );
    let ended = Standing {
        is_busy: false,
        ..waits.clone()
    };
    assert_eq!(planned(&timing, &ended, "09:30"), ["09:00 runs", "next 10:00:00"]);
    // Its own job is one that the next tick meets.
    assert_eq!(
        planned(&timing, &ended, "10:00"),
        ["09:00 runs", "10:00 waits", "next 10:00:01"]
    );
    let paused = Standing {
        paused: Some("paused".to_owned()),
        ..ended
    };
    assert_eq!(planned(&timing, &paused, "09:30"), ["next 09:31:00"]);
}

#[test]
fn of_several_that_are_caught_up_each_meets_the_one_before() {
    for (overlap, expected) in [
        (
            Overlap::Skip,
            [
                "09:00 runs",
                "10:00 skipped: its last job waits or runs still",
                "next 11:00:00",
            ],
        ),
        (Overlap::BufferOne, ["09:00 runs", "10:00 waits", "next 10:30:01"]),
        (
            Overlap::CancelOther,
            [
                "09:00 skipped: a later tick, due by then too, runs in its place",
                "10:00 runs",
                "next 11:00:00",
            ],
        ),
    ] {
        let timing = Timing {
            overlap,
            catch_up: CatchUp::All,
            ..timing("0 * * * *")
        };
        assert_eq!(planned(&timing, &until("08:30"), "10:30"), expected);
    }
}

#[test]
fn ticks_outside_of_windows_and_in_blackouts_are_skipped() {
    let windows = Timing {
        windows: vec!["10:00-12:00".parse().unwrap(), "SUN".parse().unwrap()],
        ..timing("0 * * * *")
    };
    let outside = "09:00 skipped: it is outside of its windows (10:00-12:00, SUN)";
    assert_eq!(planned(&windows, &until("08:30"), "09:00"), [outside, "next 10:00:00"]);
    assert_eq!(
        planned(&windows, &until("09:30"), "10:00"),
        ["10:00 runs", "next 11:00:00"]
    );
    let blackouts = Timing {
        blackouts: vec!["2026-11-23".parse().unwrap()],
        ..timing("0 * * * *")
    };
    let inside = "09:00 skipped: it is in its blackout 2026-11-23";
    assert_eq!(planned(&blackouts, &until("08:30"), "09:00"), [inside, "next 10:00:00"]);
}

#[test]
fn there_are_no_ticks_before_the_start_and_after_the_end() {
    let bounded = Timing {
        starts_at: Some(at("10:00")),
        ends_at: Some(at("12:00")),
        catch_up: CatchUp::All,
        overlap: Overlap::Allow,
        ..timing("0 * * * *")
    };
    assert_eq!(planned(&bounded, &until("08:30"), "09:00"), ["next 10:00:00"]);
    assert_eq!(
        planned(&bounded, &until("08:30"), "10:00"),
        ["10:00 runs", "next 11:00:00"]
    );
    assert_eq!(
        planned(&bounded, &until("08:30"), "15:00"),
        ["10:00 runs", "11:00 runs", "12:00 runs", "next never"]
    );
}

#[test]
fn a_paused_schedule_skips_and_says_why() {
    let paused = Standing {
        paused: Some("the actor is paused (manual)".to_owned()),
        ..until("08:30")
    };
    assert_eq!(
        planned(&timing("0 * * * *"), &paused, "09:00"),
        ["09:00 skipped: the actor is paused (manual)", "next 10:00:00"]
    );
}

#[test]
fn immediate_runs_once_for_a_revision() {
    let immediate = timing("immediate");
    let plan = Plan::of(&immediate, &Standing::default(), at("09:00"));
    assert_eq!(plan.decisions.len(), 1);
    assert_eq!(plan.decisions[0].revision, "r1");
    assert_eq!(plan.decisions[0].outcome, Outcome::Enqueued { run_at: at("09:00") });
    let ran = |revision: &str| Standing {
        ran_revision: Some(revision.to_owned()),
        ..Standing::default()
    };
    assert!(Plan::of(&immediate, &ran("r1"), at("09:00")).decisions.is_empty());
    assert_eq!(Plan::of(&immediate, &ran("r0"), at("09:00")).decisions.len(), 1);
}

#[test]
fn jitter_moves_the_job_and_not_the_tick() {
    let jittered = Timing {
        jitter: Duration::from_mins(10),
        ..timing("0 * * * *")
    };
    let first = planned(&jittered, &until("08:30"), "09:00");
    assert!(first[0].starts_with("09:00 runs at 09:0"), "{first:?}");
    assert_eq!(planned(&jittered, &until("08:30"), "09:20")[0], first[0]);
}
