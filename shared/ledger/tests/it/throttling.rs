//! A provider that wants to be left alone is.

use std::time::Duration;

use botticelli_ledger::{
    Call, RateLimits, RateScope, Reservation, Reserved, WaitReason, end_throttle, throttle, throttle_for,
};

use crate::{Desk, at, call, reservation};

/// What makes another call of one.
type Change = fn(&mut Call);

fn on(time: &str) -> Reservation {
    Reservation {
        at: Some(at(time)),
        ..reservation(&[], &[])
    }
}

#[tokio::test]
async fn nobody_calls_before_the_time_that_a_provider_named_with_limits_or_without() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    throttle(pool, &call(), RateScope::KeyAndModel, at("12:00:30"))
        .await
        .unwrap();
    let wait = desk.waits(&on("12:00:00")).await;
    assert_eq!((wait.why, wait.until), (WaitReason::Throttle, at("12:00:30")));
    assert_eq!(wait.delay, Duration::from_secs(30));
    let limited = Reservation {
        limits: [RateLimits {
            requests_per_minute: 10.try_into().ok(),
            ..RateLimits::default()
        }]
        .into(),
        ..on("12:00:00")
    };
    assert_eq!(desk.waits(&limited).await.why, WaitReason::Throttle);
    desk.granted(&on("12:00:30")).await;
}

#[tokio::test]
async fn an_earlier_time_never_shortens_what_was_asked_for() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    for time in ["12:00:30", "12:00:10", "12:00:20"] {
        throttle(pool, &call(), RateScope::Provider, at(time)).await.unwrap();
    }
    // Of several that cover a call the longest counts.
    throttle(pool, &call(), RateScope::Model, at("12:00:05")).await.unwrap();
    assert_eq!(desk.waits(&on("12:00:00")).await.until, at("12:00:30"));
    throttle(pool, &call(), RateScope::Model, at("12:00:55")).await.unwrap();
    assert_eq!(desk.waits(&on("12:00:00")).await.until, at("12:00:55"));
}

#[tokio::test]
async fn it_holds_for_the_calls_that_it_covers_and_no_others() {
    let desk = Desk::new().await;
    let other_key = |call: &mut Call| call.key_name = "spare".to_owned();
    let other_model = |call: &mut Call| call.model = "mini".to_owned();
    let other_provider = |call: &mut Call| call.provider = "anthropic".to_owned();
    let cases: [(RateScope, Change, bool); 12] = [
        (RateScope::Provider, other_key, true),
        (RateScope::Provider, other_model, true),
        (RateScope::Provider, other_provider, false),
        (RateScope::Key, other_key, false),
        (RateScope::Key, other_model, true),
        (RateScope::Key, other_provider, false),
        (RateScope::Model, other_key, true),
        (RateScope::Model, other_model, false),
        (RateScope::Model, other_provider, false),
        (RateScope::KeyAndModel, other_key, false),
        (RateScope::KeyAndModel, other_model, false),
        (RateScope::KeyAndModel, other_provider, false),
    ];
    for (scope, change, is_covered) in cases {
        throttle(&desk.database.pool, &call(), scope, at("12:00:30"))
            .await
            .unwrap();
        let mut other = on("12:00:00");
        change(&mut other.call);
        let waits = matches!(desk.reserve(&other).await, Reserved::Wait(_));
        assert_eq!(waits, is_covered, "{scope:?} {:?}", other.call);
        assert!(end_throttle(&desk.database.pool, &call(), scope).await.unwrap());
        assert!(!end_throttle(&desk.database.pool, &call(), scope).await.unwrap());
    }
}

#[tokio::test]
async fn a_delay_is_counted_by_the_databases_clock_and_is_never_more_than_a_year() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    throttle_for(pool, &call(), RateScope::Provider, Duration::from_mins(10))
        .await
        .unwrap();
    let left = "select until - clock_timestamp() between interval '9 minutes' and interval '10 minutes' from botticelli.rate_throttles";
    assert_eq!(desk.database.row(left).await, "t");
    throttle_for(pool, &call(), RateScope::Provider, Duration::MAX)
        .await
        .unwrap();
    let left = "select until - clock_timestamp() between interval '365 days' and interval '366 days' from botticelli.rate_throttles";
    assert_eq!(desk.database.row(left).await, "t");
}
