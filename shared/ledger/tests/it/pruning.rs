//! What is over for long goes, and its sums stay.

use botticelli_ledger::{
    Dimension, LedgerError, Period, RateLimits, Reservation, Scope, fold_corrections, lose_expired_calls, prune_calls,
    release, usage_by,
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

#[tokio::test]
async fn what_a_run_has_used_is_kept_for_a_week_however_short_calls_are_kept() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    let mut one = on("2026-11-21 12:00:01");
    let act = calls(Scope::Act, Period::None, 1);
    one.budgets = one.budgets.iter().copied().chain([act]).collect();
    let call = desk.granted(&one).await;
    desk.settle(call, used(10, 5), 77).await;
    fold_corrections(pool, None).await.unwrap();
    let scopes = "select scope from botticelli.budget_usage order by scope";
    prune_calls(pool, 0, Some(at("2026-11-28 12:00:00"))).await.unwrap();
    assert_eq!(desk.database.rows(scopes).await, ["act", "fleet", "run"]);
    desk.refused(&Reservation {
        at: Some(at("2026-11-28 12:00:00")),
        ..one
    })
    .await;
    prune_calls(pool, 0, Some(at("2026-12-05 12:00:01"))).await.unwrap();
    assert_eq!(desk.database.rows(scopes).await, ["fleet"]);
}

/// A run for each number, each with a call that has ended and that nobody has added to its budget.
async fn ended_runs(desk: &Desk, number: u32) {
    for run in 0..number {
        let mut one = reservation(&[calls(Scope::Run, Period::None, 100)], &[]);
        one.call.run = format!("run-{run}");
        let call = desk.granted(&one).await;
        desk.settle(call, used(10, 5), 77).await;
    }
}

const UNFOLDED: &str = "select count(*) from botticelli.meter_corrections";

#[tokio::test]
async fn meters_that_reservations_hold_are_passed_over_and_those_behind_them_are_folded() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    ended_runs(&desk, 45).await;
    let mut holder = pool.begin().await.unwrap();
    sqlx::query("select from botticelli.budget_usage order by id limit 21 for update")
        .execute(&mut *holder)
        .await
        .unwrap();
    assert_eq!(fold_corrections(pool, None).await.unwrap(), 24);
    holder.rollback().await.unwrap();
    assert_eq!(desk.database.row(UNFOLDED).await, "21");
    assert_eq!(fold_corrections(pool, None).await.unwrap(), 21);
    assert_eq!(desk.database.row(UNFOLDED).await, "0");
}

#[tokio::test]
async fn meters_are_held_some_at_a_time_and_for_no_disk() {
    let desk = Desk::new().await;
    ended_runs(&desk, 5).await;
    let mut transaction = desk.database.pool.begin().await.unwrap();
    let (folded, last, ids): (i64, i64, Vec<i64>) = sqlx::query_as(
        "select folded, last, array(select id from botticelli.budget_usage order by id)
         from botticelli.fold_corrections(null, 0, 3)",
    )
    .fetch_one(&mut *transaction)
    .await
    .unwrap();
    assert_eq!((folded, last), (3, ids[2]));
    let waits: String = sqlx::query_scalar("select current_setting('synchronous_commit')")
        .fetch_one(&mut *transaction)
        .await
        .unwrap();
    assert_eq!(waits, "off");
    transaction.commit().await.unwrap();
    assert_eq!(desk.database.row(UNFOLDED).await, "2");
}

#[tokio::test]
async fn a_bucket_is_brought_to_the_time_at_which_its_turn_comes() {
    let desk = Desk::new().await;
    let limits = RateLimits {
        requests_per_minute: 10.try_into().ok(),
        ..RateLimits::default()
    };
    let call = desk
        .granted(&reservation(&[calls(Scope::Run, Period::None, 100)], &[limits]))
        .await;
    desk.settle(call, used(10, 5), 77).await;
    // The budget comes first, and takes longer than a slot of the bucket lasts.
    desk.database
        .execute(
            "create function public.dawdle() returns trigger language plpgsql as
               $$ begin perform pg_sleep(2.1); return new; end $$;
             create trigger dawdle before update on botticelli.budget_usage for each row execute function public.dawdle()",
        )
        .await;
    let before: i64 = desk
        .database
        .row("select floor(extract(epoch from clock_timestamp()) / 2)::bigint")
        .await
        .parse()
        .unwrap();
    assert_eq!(fold_corrections(&desk.database.pool, None).await.unwrap(), 2);
    let slot: i64 = desk
        .database
        .row("select slot from botticelli.rate_buckets")
        .await
        .parse()
        .unwrap();
    assert!(slot > before, "{slot} after {before}");
}
