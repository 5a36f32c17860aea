//! What is over for long goes, and its sums stay.

use botticelli_ledger::{
    Dimension, LedgerError, Period, Reservation, Scope, fold_corrections, lose_expired_calls, prune_calls, release,
    usage_by,
};

use crate::{Desk, at, calls, reservation, used};

fn on(time: &str) -> Reservation {
    Reservation {
        at: Some(at(time)),
        ..reservation(
            &[
                calls(Scope::Run, Period::None, 100),
                calls(Scope::Actor, Period::Day, 100),
                calls(Scope::Fleet, Period::None, 100),
            ],
            &[],
        )
    }
}

const DAYS: &str = "select day, calls, failed_calls, lost_calls, input_tokens, output_tokens, cost_micros from botticelli.llm_usage order by day";

#[tokio::test]
async fn sums_by_day_are_the_same_after_their_calls_are_gone() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    for time in ["2026-11-01 12:00:00", "2026-11-01 13:00:00", "2026-11-20 12:00:00"] {
        let call = desk.granted(&on(time)).await;
        desk.settle(call, used(10, 5), 77).await;
    }
    desk.granted(&on("2026-11-01 14:00:00")).await;
    let unsent = desk.granted(&on("2026-11-01 14:00:00")).await;
    release(pool, unsent).await.unwrap();
    lose_expired_calls(pool, Some(at("2026-11-01 15:00:00"))).await.unwrap();
    let open = desk.granted(&on("2026-11-01 15:00:00")).await;
    let before = desk.database.rows(DAYS).await;
    assert_eq!(before, ["2026-11-01|3|0|1|80|50|1154", "2026-11-20|1|0|0|10|5|77"]);

    assert!(prune_calls(pool, 7, Some(at("12:00:00"))).await.unwrap() > 0);
    assert_eq!(
        desk.database.row("select count(*) from botticelli.ended_calls").await,
        "1",
        "that of the 20th, just a week old"
    );
    assert_eq!(desk.database.rows(DAYS).await, before);
    // What has not ended stays, and is added to the sums that are there.
    desk.settle(open, used(1, 1), 1).await;
    prune_calls(pool, 7, Some(at("12:00:00"))).await.unwrap();
    assert_eq!(desk.database.rows(DAYS).await[0], "2026-11-01|4|0|1|81|51|1155");
    assert_eq!(prune_calls(pool, 7, Some(at("12:00:00"))).await.unwrap(), 0);
    let days = usage_by(
        pool,
        Dimension::Day,
        "2026-11-01".parse().unwrap(),
        "2026-11-01".parse().unwrap(),
    )
    .await
    .unwrap();
    assert_eq!(days[0].calls, 4);
}

#[tokio::test]
async fn budgets_go_with_their_period_or_their_run_but_never_one_that_lasts() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    let call = desk.granted(&on("2026-11-01 12:00:00")).await;
    let scopes = "select scope, period from botticelli.budget_usage order by scope, starts_at";
    prune_calls(pool, 7, Some(at("12:00:00"))).await.unwrap();
    assert_eq!(
        desk.database.rows(scopes).await,
        ["actor|day", "fleet|none", "run|none"],
        "a call of theirs is under way"
    );
    desk.settle(call, used(10, 5), 77).await;
    prune_calls(pool, 7, Some(at("12:00:00"))).await.unwrap();
    assert_eq!(desk.database.rows(scopes).await.len(), 3, "nobody has added up its end");
    assert_eq!(fold_corrections(pool, None).await.unwrap(), 3);
    prune_calls(pool, 7, Some(at("2026-11-08 00:00:00"))).await.unwrap();
    assert_eq!(desk.database.rows(scopes).await.len(), 3, "not old enough");
    prune_calls(pool, 7, Some(at("12:00:00"))).await.unwrap();
    assert_eq!(desk.database.rows(scopes).await, ["fleet|none"]);
    assert_eq!(desk.standing("fleet").await, "15|1|77|0|0|0");
    // The run begins anew.
    desk.granted(&on("12:00:00")).await;
    assert_eq!(desk.standing("run").await, "0|0|0|100|1|1000");
}

#[tokio::test]
async fn the_end_of_a_call_whose_budget_is_gone_leaves_nothing_behind() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    let call = desk.granted(&on("2026-11-01 12:00:00")).await;
    lose_expired_calls(pool, Some(at("2026-11-01 13:00:00"))).await.unwrap();
    fold_corrections(pool, None).await.unwrap();
    desk.database
        .execute("delete from botticelli.budget_usage where scope <> 'fleet'")
        .await;
    desk.settle(call, used(10, 5), 77).await;
    fold_corrections(pool, None).await.unwrap();
    assert_eq!(
        desk.database
            .row("select count(*) from botticelli.meter_corrections")
            .await,
        "0"
    );
    assert_eq!(desk.standing("fleet").await, "15|1|77|0|0|0");
}

#[tokio::test]
async fn of_a_call_that_was_pruned_nobody_knows_any_more() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    let call = desk.granted(&on("2026-11-01 12:00:00")).await;
    desk.settle(call, used(10, 5), 77).await;
    prune_calls(pool, 0, Some(at("12:00:00"))).await.unwrap();
    assert!(matches!(release(pool, call).await, Err(LedgerError::Unknown(_))));
}
