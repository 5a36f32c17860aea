//! Rate limits let pass what they may, and tell when to ask again.

use std::num::{NonZeroU32, NonZeroU64};

use botticelli_ledger::{
    Charge, Multiplier, Multipliers, RateLimits, RateScope, Reservation, Reserved, WaitReason, fail, release, settle,
};
use chrono::TimeDelta;

use crate::{Desk, at, reservation, used};

fn per_minute(requests: u32) -> RateLimits {
    RateLimits {
        requests_per_minute: NonZeroU32::new(requests),
        ..RateLimits::default()
    }
}

fn tokens_per_minute(tokens: u64) -> RateLimits {
    RateLimits {
        tokens_per_minute: NonZeroU64::new(tokens),
        ..RateLimits::default()
    }
}

fn at_once(calls: u32) -> RateLimits {
    RateLimits {
        concurrency: NonZeroU32::new(calls),
        ..RateLimits::default()
    }
}

fn per_day(requests: u64, zone: Option<&str>) -> RateLimits {
    RateLimits {
        requests_per_day: NonZeroU64::new(requests),
        day_zone: zone.map(str::to_owned),
        ..RateLimits::default()
    }
}

/// A call at a time.
fn on(limits: &RateLimits, time: &str) -> Reservation {
    Reservation {
        at: Some(at(time)),
        ..reservation(&[], std::slice::from_ref(limits))
    }
}

#[tokio::test]
async fn a_minute_that_is_full_opens_when_its_first_requests_are_sixty_seconds_old() {
    let desk = Desk::new().await;
    let limits = per_minute(3);
    for time in ["12:00:00", "12:00:10", "12:00:10.5"] {
        desk.granted(&on(&limits, time)).await;
    }
    let wait = desk.waits(&on(&limits, "12:00:30")).await;
    assert_eq!(wait.why, WaitReason::RequestsPerMinute);
    // Counted by slots of two seconds.
    assert_eq!(wait.until, at("12:01:02"));
    assert_eq!(wait.delay.as_secs(), 32);
    assert_eq!(
        (
            wait.provider.as_str(),
            wait.key_name.as_str(),
            wait.model.as_str(),
            wait.narrative.as_str()
        ),
        ("openai", "main", "gpt", "")
    );
    assert!(
        wait.to_string()
            .starts_with("`openai` for key `main` for model `gpt` has had its requests for this minute"),
        "{wait}"
    );
    desk.waits(&on(&limits, "12:01:01.999")).await;
    desk.granted(&on(&limits, "12:01:02")).await;
    desk.waits(&on(&limits, "12:01:03")).await;
}

#[tokio::test]
async fn no_sixty_seconds_ever_have_more_requests_than_a_minute_may() {
    let desk = Desk::new().await;
    let limits = per_minute(5);
    let mut granted = Vec::new();
    let mut time = at("12:00:00");
    // As fast as it goes, after a rest, and across the minutes of the clock.
    for step in 0..400 {
        let one = Reservation {
            at: Some(time),
            ..on(&limits, "00:00:00")
        };
        if let Reserved::Granted(_) = desk.reserve(&one).await {
            granted.push(time);
        }
        time += TimeDelta::milliseconds(if step == 200 { 55_000 } else { 731 });
    }
    for (place, begin) in granted.iter().enumerate() {
        let minute = granted[place..]
            .iter()
            .take_while(|at| **at - *begin < TimeDelta::seconds(60));
        assert!(minute.count() <= 5, "from {begin}");
    }
    // And nearly that many: a minute of slots lasts up to 62 seconds.
    let minutes = (time - at("12:00:00")).num_seconds() / 62;
    assert!(
        i64::try_from(granted.len()).unwrap() >= 5 * minutes,
        "{}",
        granted.len()
    );
}

#[tokio::test]
async fn tokens_of_a_minute_are_those_that_calls_have_used_once_they_have_ended() {
    let desk = Desk::new().await;
    let limits = tokens_per_minute(250);
    let less = desk.granted(&on(&limits, "12:00:00")).await;
    desk.granted(&on(&limits, "12:00:04")).await;
    let wait = desk.waits(&on(&limits, "12:00:05")).await;
    assert_eq!((wait.why, wait.until), (WaitReason::TokensPerMinute, at("12:01:02")));
    desk.settle(less, used(30, 20), 0).await;
    let more = desk.granted(&on(&limits, "12:00:06")).await;
    desk.settle(more, used(100, 200), 0).await;
    // 50 and 100 and 300: all of it must leave.
    let small = Reservation {
        input_tokens: 1,
        output_tokens: 0,
        ..on(&limits, "12:01:07.9")
    };
    assert_eq!(desk.waits(&small).await.why, WaitReason::TokensPerMinute);
    desk.granted(&on(&limits, "12:01:08")).await;
}

#[tokio::test]
async fn what_ends_after_its_minute_changes_no_later_one() {
    let desk = Desk::new().await;
    let limits = tokens_per_minute(100);
    let slow = desk.granted(&on(&limits, "12:00:00")).await;
    desk.granted(&on(&limits, "12:01:02")).await;
    desk.settle(slow, used(0, 0), 0).await;
    desk.waits(&on(&limits, "12:01:03")).await;
}

#[tokio::test]
async fn a_call_of_more_than_a_minutes_tokens_passes_when_it_is_alone() {
    let desk = Desk::new().await;
    let limits = tokens_per_minute(150);
    let great = |time| Reservation {
        input_tokens: 10_000,
        ..on(&limits, time)
    };
    desk.granted(&on(&limits, "12:00:00")).await;
    assert_eq!(desk.waits(&great("12:00:01")).await.until, at("12:01:02"));
    desk.granted(&great("12:01:02")).await;
    desk.waits(&on(&limits, "12:01:03")).await;
    desk.granted(&on(&limits, "12:02:04")).await;
}

#[tokio::test]
async fn requests_of_a_day_are_those_of_the_providers_day() {
    let desk = Desk::new().await;
    let limits = per_day(2, Some("America/Los_Angeles"));
    // Midnight there is at eight.
    for time in ["2026-11-26 08:00:00", "07:59:50"] {
        desk.granted(&on(&limits, time)).await;
    }
    let wait = desk.waits(&on(&limits, "07:59:59")).await;
    assert_eq!((wait.why, wait.until), (WaitReason::RequestsPerDay, at("08:00:00")));
    let given_back = desk.granted(&on(&limits, "08:00:00")).await;
    desk.granted(&on(&limits, "20:00:00")).await;
    desk.waits(&on(&limits, "20:00:01")).await;
    release(&desk.database.pool, given_back).await.unwrap();
    desk.granted(&on(&limits, "20:00:02")).await;
    desk.waits(&on(&limits, "2026-11-28 07:59:59")).await;
}

#[tokio::test]
async fn a_call_of_yesterday_that_was_never_sent_gives_no_request_of_today_back() {
    let desk = Desk::new().await;
    let limits = per_day(1, None);
    let yesterday = desk.granted(&on(&limits, "2026-11-26 23:59:59")).await;
    desk.granted(&on(&limits, "00:00:00")).await;
    release(&desk.database.pool, yesterday).await.unwrap();
    desk.waits(&on(&limits, "00:00:01")).await;
}

#[tokio::test]
async fn as_many_calls_are_under_way_as_may_be_and_each_end_lets_another_pass() {
    let desk = Desk::new().await;
    let one = reservation(&[], &[at_once(2)]);
    let (first, second) = (desk.granted(&one).await, desk.granted(&one).await);
    let wait = desk.waits(&one).await;
    assert_eq!(wait.why, WaitReason::Concurrency);
    assert!(!wait.delay.is_zero() && wait.delay.as_secs() <= 30, "{wait:?}");
    desk.settle(first, used(1, 1), 1).await;
    let third = desk.granted(&one).await;
    desk.waits(&one).await;
    fail(&desk.database.pool, second, "timeout", Charge::Unknown, None)
        .await
        .unwrap();
    desk.granted(&one).await;
    release(&desk.database.pool, third).await.unwrap();
    desk.granted(&one).await;
    desk.waits(&one).await;
}

#[tokio::test]
async fn a_call_whose_end_is_rolled_back_is_still_under_way() {
    let desk = Desk::new().await;
    let one = reservation(&[], &[at_once(1)]);
    let call = desk.granted(&one).await;
    let mut transaction = botticelli_database::transaction(&desk.database.pool).await.unwrap();
    settle(&mut transaction, call, &used(1, 1), 1, None).await.unwrap();
    desk.waits(&one).await;
    transaction.rollback().await.unwrap();
    desk.waits(&one).await;
    desk.settle(call, used(1, 1), 1).await;
    desk.granted(&one).await;
}

#[tokio::test]
async fn limits_hold_over_what_their_scope_says() {
    let desk = Desk::new().await;
    for (scope, same, other) in [
        (
            RateScope::KeyAndModel,
            (|one| one.call.actor = "critic".to_owned()) as fn(&mut Reservation),
            (|one| one.call.key_name = "spare".to_owned()) as fn(&mut Reservation),
        ),
        (
            RateScope::Model,
            |one| one.call.key_name = "spare".to_owned(),
            |one| one.call.model = "gpt-mini".to_owned(),
        ),
        (
            RateScope::Key,
            |one| one.call.model = "gpt-mini".to_owned(),
            |one| one.call.key_name = "spare".to_owned(),
        ),
        (
            RateScope::Provider,
            |one| (one.call.model, one.call.key_name) = ("gpt-mini".to_owned(), "spare".to_owned()),
            |one| one.call.provider = "anthropic".to_owned(),
        ),
    ] {
        let limits = RateLimits { scope, ..per_minute(1) };
        let with = |change: fn(&mut Reservation)| {
            let mut one = on(&limits, "12:00:00");
            change(&mut one);
            one
        };
        desk.granted(&with(|_| ())).await;
        desk.waits(&with(same)).await;
        desk.granted(&with(other)).await;
    }
}

#[tokio::test]
async fn a_call_that_one_of_its_limits_holds_back_takes_nothing_of_the_others() {
    let desk = Desk::new().await;
    let narrow = per_minute(1);
    let wide = RateLimits {
        scope: RateScope::Provider,
        concurrency: NonZeroU32::new(5),
        requests_per_day: NonZeroU64::new(5),
        ..per_minute(5)
    };
    let both = Reservation {
        at: Some(at("12:00:00")),
        ..reservation(
            &[crate::calls(
                botticelli_ledger::Scope::Fleet,
                botticelli_ledger::Period::Day,
                9,
            )],
            &[narrow, wide],
        )
    };
    desk.granted(&both).await;
    let before = "select to_jsonb(b) - 'turn_at' - 'changed_at' from botticelli.rate_buckets b order by id";
    let held = desk.database.rows(before).await;
    for _ in 0..3 {
        desk.waits(&both).await;
    }
    assert_eq!(desk.database.rows(before).await, held);
    assert_eq!(desk.standing("fleet").await, "0|0|0|100|1|1000");
}

#[tokio::test]
async fn a_narrative_uses_its_part_of_the_limits_and_leaves_the_rest_to_others() {
    let desk = Desk::new().await;
    let part = |part: f64| Multiplier::try_from(part).unwrap();
    let half = Multipliers {
        requests_per_minute: part(0.5),
        ..Multipliers::default()
    };
    let limits = per_minute(5);
    let of = |narrative: &str, shares: Multipliers, time: &str| {
        let mut one = Reservation {
            shares,
            ..on(&limits, time)
        };
        narrative.clone_into(&mut one.call.narrative);
        one
    };
    // Half of five is two.
    for _ in 0..2 {
        desk.granted(&of("spring", half, "12:00:00")).await;
    }
    let wait = desk.waits(&of("spring", half, "12:00:01")).await;
    assert_eq!(
        (wait.why, wait.narrative.as_str()),
        (WaitReason::RequestsPerMinute, "spring")
    );
    for _ in 0..2 {
        desk.granted(&of("birth", Multipliers::default(), "12:00:02")).await;
    }
    // One is left of the whole, which the part of another narrative is within.
    desk.granted(&of("venus", half, "12:00:02")).await;
    assert_eq!(desk.waits(&of("venus", half, "12:00:02")).await.narrative, "");
    desk.waits(&of("birth", Multipliers::default(), "12:00:02")).await;
    desk.granted(&of("spring", half, "12:01:02")).await;
}

#[tokio::test]
async fn parts_of_tokens_and_of_days_are_held_too() {
    let desk = Desk::new().await;
    let half = Multiplier::try_from(0.5).unwrap();
    let tokens = Reservation {
        shares: Multipliers {
            tokens_per_minute: half,
            ..Multipliers::default()
        },
        ..on(&tokens_per_minute(399), "12:00:00")
    };
    desk.granted(&tokens).await;
    assert_eq!(desk.waits(&tokens).await.why, WaitReason::TokensPerMinute);
    let days = Reservation {
        shares: Multipliers {
            requests_per_day: half,
            ..Multipliers::default()
        },
        ..on(&per_day(2, None), "12:10:00")
    };
    desk.granted(&days).await;
    assert_eq!(desk.waits(&days).await.why, WaitReason::RequestsPerDay);
}

#[tokio::test]
async fn those_who_wait_are_told_times_one_after_the_other_but_not_far_beyond_the_first() {
    let desk = Desk::new().await;
    let limits = per_minute(6);
    for _ in 0..6 {
        desk.granted(&on(&limits, "12:00:00")).await;
    }
    let mut told = Vec::new();
    for _ in 0..40 {
        told.push(desk.waits(&on(&limits, "12:00:01")).await.until);
    }
    assert_eq!(told[..3], [at("12:01:02"), at("12:01:12"), at("12:01:22")]);
    assert_eq!(told[39], at("12:06:02"), "five minutes after the first");
}

#[tokio::test]
async fn a_clock_that_was_far_ahead_for_a_moment_holds_nobody_up_for_long() {
    let desk = Desk::new().await;
    let limits = RateLimits {
        requests_per_day: NonZeroU64::new(5),
        concurrency: NonZeroU32::new(1),
        ..per_minute(2)
    };
    let next_year = desk.granted(&on(&limits, "2027-11-27 12:00:00")).await;
    desk.waits(&on(&limits, "2027-11-27 12:00:00")).await;
    desk.settle(next_year, used(1, 1), 1).await;
    let call = desk.granted(&on(&limits, "12:00:00")).await;
    desk.settle(call, used(1, 1), 1).await;
    // It is not known how long ago that call was made, so it counts for another minute, and for this day.
    let wait = desk.waits(&on(&limits, "12:00:01")).await;
    assert_eq!((wait.why, wait.until), (WaitReason::RequestsPerMinute, at("12:01:02")));
    for time in ["12:01:02", "12:01:03", "12:03:00"] {
        let call = desk.granted(&on(&limits, time)).await;
        desk.settle(call, used(1, 1), 1).await;
    }
    let wait = desk.waits(&on(&limits, "12:05:00")).await;
    assert_eq!(
        (wait.why, wait.until),
        (WaitReason::RequestsPerDay, at("2026-11-28 00:00:00"))
    );
    desk.granted(&on(&limits, "2026-11-28 00:00:00")).await;
}
