//! What makes no sense is refused, and no number ever wraps around.

use std::{sync::Arc, time::Duration};

use botticelli_ledger::{
    Budget, Call, Ledger, LedgerError, Period, RateScope, Reservation, Reserved, Scope, reserve, reserve_all,
    settled_call, throttle_for,
};

use crate::{Desk, call, call_of, calls, reservation, tokens, used};

async fn invalid(desk: &Desk, reservation: &Reservation) -> String {
    match reserve(&desk.database.pool, reservation).await {
        Err(LedgerError::Invalid(text)) => text,
        other => panic!("not refused as wrong: {other:?}"),
    }
}

#[tokio::test]
async fn what_no_call_can_have_is_refused_with_the_most_that_one_can() {
    let desk = Desk::new().await;
    for amount in [1_000_000_000_000_001, i64::MAX.cast_unsigned() + 1, u64::MAX] {
        for change in [
            (|one, amount| one.input_tokens = amount) as fn(&mut Reservation, u64),
            |one, amount| one.output_tokens = amount,
            |one, amount| one.cost_micros = amount,
        ] {
            let mut one = reservation(&[], &[]);
            change(&mut one, amount);
            let text = invalid(&desk, &one).await;
            assert!(text.contains("the most is 1000000000000000"), "{text}");
        }
    }
    let mut one = reservation(&[], &[]);
    one.call.model = "gp\0t".to_owned();
    assert!(invalid(&desk, &one).await.contains("zero byte"));
    one = Reservation::new(call(), Duration::MAX);
    assert!(invalid(&desk, &one).await.contains("the most is a year"));
}

#[tokio::test]
async fn a_name_that_is_too_long_is_kept_cut_and_is_still_a_name_of_its_own() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    // As deep as narratives go, and a letter of two bytes where it is cut.
    let step = |end: &str| format!("1/{}/{}ä{end}", "sketch".repeat(40), "é".repeat(200));
    let of = |end: &str| {
        let mut one = reservation(&[calls(Scope::Act, Period::None, 1)], &[]);
        one.call = Call {
            step: step(end),
            model: format!("{}{end}", "m".repeat(4000)),
            ..call_of(7, 1)
        };
        one
    };
    for end in ["a", "b"] {
        let granted = desk.granted(&of(end)).await;
        desk.refused(&of(end)).await;
        desk.settle(granted, used(1, 1), 1).await;
        let settled = settled_call(pool, 7, &step(end)).await.unwrap().unwrap();
        assert_eq!(settled.id, granted);
        assert!(
            settled.step.len() <= 400 && settled.step.starts_with("1/sketch"),
            "{}",
            settled.step
        );
        assert_eq!(settled.model.len(), 400);
    }
    assert!(settled_call(pool, 7, &step("c")).await.unwrap().is_none());
    // The same in every process.
    let stable = "select right(model, 33) from botticelli.model_calls order by id limit 1";
    assert_eq!(desk.database.row(stable).await, "~b44125d7555f675485465e371b2486d9");

    // A name that is just not too long stays as it is.
    let mut one = reservation(&[], &[]);
    one.call.model = "m".repeat(400);
    desk.granted(&one).await;
    let kept = "select model from botticelli.open_calls";
    assert_eq!(desk.database.row(kept).await, one.call.model);
}

#[tokio::test]
async fn a_provider_that_wants_to_be_left_alone_is_also_by_a_long_model() {
    let desk = Desk::new().await;
    let mut one = reservation(&[], &[]);
    one.call.model = "m".repeat(4000);
    throttle_for(&desk.database.pool, &one.call, RateScope::Model, Duration::from_mins(1))
        .await
        .unwrap();
    desk.waits(&one).await;
    one.call.model.push('m');
    desk.granted(&one).await;
}

#[tokio::test]
async fn a_zone_that_nobody_knows_is_named_and_spoils_no_other_call() {
    let desk = Desk::new().await;
    let good = reservation(&[calls(Scope::Fleet, Period::Day, 5)], &[]);
    let mut bad = reservation(&[calls(Scope::Actor, Period::Day, 5)], &[]);
    bad.zone = Some(Arc::from("Mars/Olympus"));
    bad.call.actor = "critic".to_owned();
    assert!(invalid(&desk, &bad).await.contains("Mars/Olympus"));
    let answers = reserve_all(&desk.database.pool, &[good.clone(), bad, good]).await;
    let shape: Vec<_> = answers
        .iter()
        .map(|answer| matches!(answer, Ok(Reserved::Granted(_))))
        .collect();
    assert_eq!(shape, [true, false, true]);
    assert!(matches!(&answers[1], Err(LedgerError::Invalid(text)) if text.contains("Mars/Olympus")));
}

#[tokio::test]
async fn totals_of_the_greatest_calls_stop_at_their_limit_and_never_wrap() {
    let desk = Desk::new().await;
    let greatest = |budgets: &[Budget]| Reservation {
        input_tokens: 1_000_000_000_000_000,
        output_tokens: 1_000_000_000_000_000,
        cost_micros: 1_000_000_000_000_000,
        ..reservation(budgets, &[])
    };
    let unlimited = greatest(&[tokens(Scope::Fleet, Period::None, u64::MAX)]);
    let granted = reserve_all(&desk.database.pool, &vec![unlimited.clone(); 4611]).await;
    assert!(granted.iter().all(|answer| matches!(answer, Ok(Reserved::Granted(_)))));
    // 4,611 times 2 * 10^15 is just below 2^63.
    let refusal = desk.refused(&unlimited).await;
    assert_eq!(refusal.reserved, 9_222_000_000_000_000_000);
    assert_eq!(refusal.limit, i64::MAX.cast_unsigned());
    // Without any limit there is nothing that would refuse before the number is full.
    let mut uncounted = unlimited;
    uncounted.budgets = Arc::new([Budget {
        scope: Scope::Fleet,
        period: Period::None,
        tokens: None,
        calls: None,
        cost_micros: None,
    }]);
    assert!(invalid(&desk, &uncounted).await.contains("out of range"));
    assert_eq!(
        desk.database.row("select count(*) from botticelli.open_calls").await,
        "4611"
    );
}

#[tokio::test]
async fn what_a_provider_cannot_have_counted_is_taken_for_the_most() {
    let desk = Desk::new().await;
    let one = reservation(&[calls(Scope::Fleet, Period::None, 5)], &[]);
    let call = desk.granted(&one).await;
    desk.settle(call, used(u64::MAX, u64::MAX), u64::MAX).await;
    assert_eq!(
        desk.standing("fleet").await,
        "2000000000000000|1|1000000000000000|0|0|0"
    );
}

#[tokio::test]
async fn a_database_that_is_away_is_an_error_for_each_who_asks() {
    let desk = Desk::new().await;
    let ledger = Ledger::new(desk.database.pool.clone());
    desk.database.pool.close().await;
    let asked = futures_util::future::join_all((0..20).map(|_| ledger.reserve(reservation(&[], &[])))).await;
    assert_eq!(asked.len(), 20);
    for answer in asked {
        assert!(matches!(answer, Err(LedgerError::Database { .. })), "{answer:?}");
    }
}
