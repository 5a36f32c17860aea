//! What holds for any schedule and policy, whenever it is looked at.

use std::{collections::BTreeSet, time::Duration};

use botticelli_schedule::{CatchUp, Overlap, Schedule, TickOffset, TimeWindow, Timing, Zone};
use botticelli_timetable::{Outcome, Plan, Standing};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use crate::{at, timing};

const SCHEDULES: [&str; 10] = [
    "every 7s",
    "every 13 minutes",
    "every 2 hours",
    "*/5 * * * *",
    "30 2 * * *",
    "0,30 1-3 * * *",
    "*/20 * * * * *",
    "15 9 * * MON-FRI; 0 12 L * *; except 2026-03-30",
    "at 2026-03-29T01:30:00Z; at 2026-10-25T01:00:00Z",
    "0 0 29 2 *",
];
const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"];
const WINDOWS: [&str; 3] = ["08:00-20:00", "22:00-06:00", "SAT,SUN"];

fn timings() -> impl Strategy<Value = Timing> {
    let times = (
        proptest::sample::select(&SCHEDULES[..]),
        proptest::sample::select(&ZONES[..]),
        0_u64..3600,
        any::<String>(),
    );
    let policies = (
        proptest::sample::select(vec![CatchUp::None, CatchUp::Latest, CatchUp::All]),
        0_u64..200_000,
        proptest::sample::select(vec![
            Overlap::Skip,
            Overlap::BufferOne,
            Overlap::Allow,
            Overlap::CancelOther,
        ]),
        proptest::sample::subsequence(&WINDOWS[..], 0..=1),
        proptest::sample::subsequence(&WINDOWS[..], 0..=1),
    );
    (times, policies).prop_map(|(times, policies)| {
        let (schedule, zone, jitter, name) = times;
        let (catch_up, window, overlap, windows, blackouts) = policies;
        let schedule: Schedule = schedule.parse().unwrap();
        Timing {
            schedule: schedule.in_zone(zone.parse::<Zone>().unwrap()),
            offset: TickOffset::of(&name),
            jitter: Duration::from_secs(jitter),
            catch_up,
            catch_up_window: Duration::from_secs(window),
            overlap,
            windows: parsed(&windows),
            blackouts: parsed(&blackouts),
            ..timing("manual")
        }
    })
}

fn parsed(windows: &[&str]) -> Vec<TimeWindow> {
    windows.iter().map(|text| text.parse().unwrap()).collect()
}

/// Moments to look at a schedule, mostly later and later; and whether its last job has not ended then.
fn looks() -> impl Strategy<Value = Vec<(DateTime<Utc>, bool)>> {
    let begin = prop_oneof![
        Just("2026-03-28 20:00"),
        Just("2026-10-24 20:00"),
        Just("2026-11-23 08:30")
    ];
    let step = prop_oneof![4 => 0_i64..600, 2 => 0_i64..90_000, 1 => -7200_i64..0];
    (begin, proptest::collection::vec((step, any::<bool>()), 1..12)).prop_map(|(begin, steps)| {
        let mut now = at(begin);
        let first = (now, false);
        let later = steps.into_iter().map(|(step, is_busy)| {
            now += TimeDelta::seconds(step);
            (now, is_busy)
        });
        std::iter::once(first).chain(later).collect()
    })
}

/// What a row keeps of a plan.
fn after(plan: &Plan) -> Standing {
    Standing {
        decided_until: Some(plan.decided_until),
        buffered: plan.buffered,
        ..Standing::default()
    }
}

/// Looks as a scheduler does: again at once while something is due. Gives every plan.
fn plans(timing: &Timing, looks: &[(DateTime<Utc>, bool)]) -> Vec<(DateTime<Utc>, Plan)> {
    let mut plans = Vec::new();
    let mut standing = Standing::default();
    for &(now, is_busy) in looks {
        loop {
            standing.is_busy = is_busy;
            let plan = Plan::of(timing, &standing, now);
            let is_done = plan.next_look.is_none_or(|next| next > now);
            standing = after(&plan);
            plans.push((now, plan));
            if is_done {
                break;
            }
        }
    }
    plans
}

proptest! {
    #[test]
    fn every_tick_is_decided_once_and_in_order(timing in timings(), looks in looks()) {
        let plans = plans(&timing, &looks);
        let begin = looks[0].0;
        let end = looks.iter().map(|(now, _)| *now).max().unwrap_or(begin);
        let mut decided = Vec::new();
        let mut released = BTreeSet::new();
        for decision in plans.iter().flat_map(|(_, plan)| &plan.decisions) {
            if decision.outcome == Outcome::Buffered {
                released.insert(decision.at);
            } else if decision.outcome.runs() && released.remove(&decision.at) {
                // It was decided when it began to wait.
                continue;
            }
            decided.push((decision.at, decision.through, decision.ticks));
        }
        let mut expected = begin;
        let mut count = 0;
        for (at, through, ticks) in decided {
            prop_assert_eq!(timing.next_tick(expected), Some(at));
            prop_assert!(through >= at && (ticks > 1) == (through > at));
            let mut last = at;
            for _ in 1..ticks {
                last = timing.next_tick(last).unwrap();
            }
            // Stretches are counted up to a limit.
            prop_assert!(last == through || ticks == 10_000);
            expected = through;
            count += 1;
        }
        prop_assert!(timing.next_tick(expected).is_none_or(|next| next > end), "{count} decided, and one is left");
        prop_assert!(released.len() <= 1, "two wait: {released:?}");
    }

    #[test]
    fn when_it_is_looked_at_makes_no_difference_to_what_runs_if_all_is_caught_up(timing in timings(), looks in looks()) {
        let timing = Timing { catch_up: CatchUp::All, catch_up_window: Duration::MAX, overlap: Overlap::Allow, ..timing };
        let end = looks.iter().map(|(now, _)| *now).max().unwrap();
        let outcomes = |looks: &[(DateTime<Utc>, bool)]| -> Vec<_> {
            let plans = plans(&timing, looks);
            plans.into_iter().flat_map(|(_, plan)| plan.decisions).map(|decision| (decision.at, decision.outcome)).collect()
        };
        prop_assert_eq!(outcomes(&looks), outcomes(&[looks[0], (end, false)]));
    }

    #[test]
    fn jobs_are_due_within_the_jitter_and_no_two_are_there_unless_that_is_wanted(timing in timings(), looks in looks()) {
        for (_, plan) in plans(&timing, &looks) {
            let mut runs = 0;
            for decision in &plan.decisions {
                if let Outcome::Enqueued { run_at } = decision.outcome {
                    let late = (run_at - decision.at).to_std().unwrap();
                    prop_assert!(late < timing.jitter.max(Duration::from_nanos(1)));
                    prop_assert!(decision.at <= plan.decided_until);
                    runs += 1;
                }
            }
            if timing.overlap != Overlap::Allow {
                prop_assert!(runs <= 1, "{runs} at once");
            }
        }
    }

    #[test]
    fn a_plan_never_goes_back(timing in timings(), looks in looks()) {
        let plans = plans(&timing, &looks);
        for (earlier, later) in plans.iter().zip(&plans[1..]) {
            prop_assert!(earlier.1.decided_until <= later.1.decided_until);
        }
        for (_, plan) in &plans {
            prop_assert_eq!(plan.next_tick, timing.next_tick(plan.decided_until));
            prop_assert!(plan.next_tick.is_none_or(|tick| plan.next_look.is_some_and(|look| look <= tick)));
        }
    }
}
