//! What a dead process had reserved counts as used until somebody knows better.

use std::{num::NonZeroU32, time::Duration};

use botticelli_ledger::{
    CallState, JobAttempt, Period, RateLimits, Reservation, Scope, lose_calls_before, lose_expired_calls, release,
    settle, settled_call,
};

use crate::{Desk, at, call_of, reservation, tokens, used};

/// A call of a job's attempt at noon, held for a minute, of which one may be under way.
fn of(job: i64, attempt: i32, time: &str) -> Reservation {
    let limits = RateLimits {
        concurrency: NonZeroU32::new(1),
        ..RateLimits::default()
    };
    Reservation {
        call: call_of(job, attempt),
        at: Some(at(time)),
        ..reservation(&[tokens(Scope::Fleet, Period::None, 1000)], &[limits])
    }
}

#[tokio::test]
async fn a_call_whose_time_is_over_counts_as_used_and_holds_no_place() {
    let desk = Desk::new().await;
    desk.granted(&of(1, 1, "12:00:00")).await;
    desk.waits(&of(2, 1, "12:00:59")).await;
    // Who needs the place looks by itself.
    desk.granted(&of(2, 1, "12:01:00.5")).await;
    assert_eq!(desk.standing("fleet").await, "100|1|1000|100|1|1000");
    let row = "select state, input_tokens, output_tokens, cost_micros, is_estimated from botticelli.model_calls where job_id = 1";
    assert_eq!(desk.database.row(row).await, "lost|60|40|1000|t");
}

#[tokio::test]
async fn maintenance_loses_what_nobody_waits_for() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    desk.granted(&of(1, 1, "12:00:00")).await;
    assert_eq!(lose_expired_calls(pool, Some(at("12:00:59"))).await.unwrap(), 0);
    assert_eq!(lose_expired_calls(pool, Some(at("12:01:00"))).await.unwrap(), 1);
    assert_eq!(lose_expired_calls(pool, Some(at("12:01:00"))).await.unwrap(), 0);
    assert_eq!(desk.standing("fleet").await, "100|1|1000|0|0|0");
}

#[tokio::test]
async fn who_knows_better_puts_a_lost_call_right() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    let mut connection = pool.acquire().await.unwrap();
    let call = desk.granted(&of(1, 1, "12:00:00")).await;
    lose_expired_calls(pool, Some(at("12:05:00"))).await.unwrap();
    assert_eq!(
        settle(&mut connection, call, &used(5, 5), 70, None).await.unwrap(),
        CallState::Lost
    );
    assert_eq!(desk.standing("fleet").await, "10|1|70|0|0|0");
    assert_eq!(
        settle(&mut connection, call, &used(9, 9), 90, None).await.unwrap(),
        CallState::Settled
    );
    assert_eq!(desk.standing("fleet").await, "10|1|70|0|0|0");

    let never_sent = desk.granted(&of(1, 2, "12:06:00")).await;
    lose_expired_calls(pool, Some(at("12:09:00"))).await.unwrap();
    assert_eq!(desk.standing("fleet").await, "110|2|1070|0|0|0");
    assert_eq!(release(pool, never_sent).await.unwrap(), CallState::Lost);
    assert_eq!(desk.standing("fleet").await, "10|1|70|0|0|0");
    // The place was free before already, and is so once.
    desk.granted(&of(1, 3, "12:10:00")).await;
    desk.waits(&of(2, 1, "12:10:01")).await;
}

#[tokio::test]
async fn a_job_that_comes_back_loses_what_its_earlier_attempts_left_at_once() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    let unlimited = |job: i64, attempt: i32| Reservation {
        limits: [].into(),
        ..of(job, attempt, "12:00:00")
    };
    let first = desk.granted(&unlimited(1, 1)).await;
    let second = desk.granted(&unlimited(1, 2)).await;
    let third = desk.granted(&unlimited(1, 3)).await;
    let other = desk.granted(&unlimited(2, 1)).await;
    let settled = desk.granted(&unlimited(1, 1)).await;
    desk.settle(settled, used(1, 1), 1).await;
    let attempt = JobAttempt { job: 1, attempt: 3 };
    let lost = lose_calls_before(pool, attempt).await.unwrap();
    assert_eq!(lost.iter().map(|call| call.id).collect::<Vec<_>>(), [first, second]);
    assert!(lost.iter().all(|call| call.state == "lost" && call.step == "1/sketch"));
    let open = "select id from botticelli.open_calls order by id";
    assert_eq!(desk.database.rows(open).await, [third.to_string(), other.to_string()]);
    // A later attempt hears of them again, as nobody has put them right.
    let attempt = JobAttempt { job: 1, attempt: 4 };
    assert_eq!(lose_calls_before(pool, attempt).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_call_that_is_about_to_end_is_not_lost_meanwhile() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    let call = desk.granted(&of(1, 1, "12:00:00")).await;
    let mut transaction = botticelli_database::transaction(pool).await.unwrap();
    settle(&mut transaction, call, &used(5, 5), 70, None).await.unwrap();
    // Neither waits.
    assert_eq!(lose_expired_calls(pool, Some(at("12:30:00"))).await.unwrap(), 0);
    let attempt = JobAttempt { job: 1, attempt: 2 };
    assert_eq!(lose_calls_before(pool, attempt).await.unwrap(), []);
    transaction.commit().await.unwrap();
    assert_eq!(desk.standing("fleet").await, "10|1|70|0|0|0");
}

#[tokio::test]
async fn whether_a_step_was_answered_is_known_to_the_next_attempt() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    let call = desk.granted(&of(1, 1, "12:00:00")).await;
    assert_eq!(settled_call(pool, 1, "1/sketch").await.unwrap(), None);
    desk.settle(call, used(5, 5), 70).await;
    let settled = settled_call(pool, 1, "1/sketch").await.unwrap().unwrap();
    assert_eq!(
        (settled.id, settled.attempt, settled.cost_micros),
        (call, Some(1), Some(70))
    );
    assert_eq!(settled_call(pool, 1, "2/sketch").await.unwrap(), None);
    assert_eq!(settled_call(pool, 2, "1/sketch").await.unwrap(), None);
}

#[tokio::test]
async fn by_the_databases_clock_a_call_is_held_for_as_long_as_it_said() {
    let desk = Desk::new().await;
    let one = Reservation {
        at: None,
        hold: Duration::from_secs(90),
        ..of(1, 1, "12:00:00")
    };
    let granted = desk.grant(&one).await;
    let row = "select expires_at - reserved_at, reserved_at between clock_timestamp() - interval '1 minute' and clock_timestamp()
               from botticelli.open_calls";
    assert_eq!(desk.database.row(row).await, "00:01:30|t");
    assert_eq!(lose_expired_calls(&desk.database.pool, None).await.unwrap(), 0);
    assert_eq!(
        lose_expired_calls(&desk.database.pool, Some(granted.expires_at))
            .await
            .unwrap(),
        1
    );
}
