//! People see what was used, by whom and for what.

use std::sync::Arc;

use botticelli_ledger::{
    Budget, Charge, Dimension, Period, Reservation, Scope, budget_standings, calls_of_job, fail, open_calls, release,
    usage_by,
};
use chrono::NaiveDate;

use crate::{Desk, at, call_of, calls, reservation, used};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A call for an actor of a model at a time.
fn of(actor: &str, model: &str, time: &str) -> Reservation {
    let mut one = Reservation {
        at: Some(at(time)),
        ..reservation(&[], &[])
    };
    (one.call.actor, one.call.model) = (actor.to_owned(), model.to_owned());
    one
}

#[tokio::test]
async fn usage_is_added_up_by_day_actor_provider_and_model_without_what_was_never_sent() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    for (actor, model, time, cost) in [
        ("painter", "gpt", "2026-11-26 23:59:59", 100),
        ("painter", "gpt", "12:00:00", 200),
        ("critic", "mini", "12:00:00", 1000),
        ("critic", "mini", "2026-11-28 00:00:00", 50),
    ] {
        let call = desk.granted(&of(actor, model, time)).await;
        desk.settle(call, used(10, 5), cost).await;
    }
    let failed = desk.granted(&of("painter", "gpt", "13:00:00")).await;
    fail(pool, failed, "timeout", Charge::Unknown, None).await.unwrap();
    let unsent = desk.granted(&of("painter", "gpt", "13:00:00")).await;
    release(pool, unsent).await.unwrap();
    desk.granted(&of("painter", "gpt", "13:00:00")).await;

    let by = async |dimension, from, to| -> Vec<(String, i64, i64, i64, i64)> {
        let lines = usage_by(pool, dimension, day(from), day(to)).await.unwrap();
        let columns = |line: botticelli_ledger::UsageLine| {
            (
                line.key,
                line.calls,
                line.failed_calls,
                line.input_tokens + line.output_tokens,
                line.cost_micros,
            )
        };
        lines.into_iter().map(columns).collect()
    };
    let line = |key: &str, calls, failed, tokens, cost| (key.to_owned(), calls, failed, tokens, cost);
    assert_eq!(
        by(Dimension::Day, "2026-11-01", "2026-12-31").await,
        [
            line("2026-11-26", 1, 0, 15, 100),
            line("2026-11-27", 3, 1, 130, 2200),
            line("2026-11-28", 1, 0, 15, 50),
        ]
    );
    assert_eq!(
        by(Dimension::Actor, "2026-11-27", "2026-11-27").await,
        [line("painter", 2, 1, 115, 1200), line("critic", 1, 0, 15, 1000)]
    );
    assert_eq!(
        by(Dimension::Model, "2026-11-28", "2026-11-28").await,
        [line("mini", 1, 0, 15, 50)]
    );
    assert_eq!(
        by(Dimension::Provider, "2026-11-26", "2026-11-28").await,
        [line("openai", 5, 1, 160, 2350)]
    );
    assert_eq!(by(Dimension::Day, "2026-12-01", "2026-12-31").await, []);
}

#[tokio::test]
async fn the_calls_of_a_job_and_those_under_way_are_listed() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    let of_job = |job, attempt| Reservation {
        call: call_of(job, attempt),
        ..reservation(&[], &[])
    };
    let first = desk.granted(&of_job(1, 1)).await;
    desk.settle(first, used(1, 2), 3).await;
    let second = desk.granted(&of_job(1, 2)).await;
    let other = desk.granted(&of_job(2, 1)).await;
    let found = calls_of_job(pool, 1).await.unwrap();
    let shape: Vec<_> = found
        .iter()
        .map(|call| (call.id, call.state.as_str(), call.attempt, call.cost_micros))
        .collect();
    assert_eq!(
        shape,
        [
            (first, "settled", Some(1), Some(3)),
            (second, "reserved", Some(2), None)
        ]
    );
    let open = open_calls(pool, 10).await.unwrap();
    assert_eq!(open.iter().map(|call| call.id).collect::<Vec<_>>(), [second, other]);
    assert_eq!(open_calls(pool, 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn budgets_are_shown_with_the_share_that_is_used_as_long_as_their_period_lasts() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    let budget = |scope, period| Budget {
        cost_micros: Some(4000),
        ..calls(scope, period, 2)
    };
    let budgets = [
        budget(Scope::Fleet, Period::Day),
        budget(Scope::Actor, Period::Month),
        budget(Scope::Run, Period::None),
        budget(Scope::Act, Period::None),
    ];
    let one = Reservation {
        at: Some(at("12:00:00")),
        budgets: Arc::from(&budgets[..]),
        ..reservation(&[], &[])
    };
    let call = desk.granted(&one).await;
    desk.settle(call, used(1, 1), 3000).await;
    let shown = async |run: Option<&str>, time: &str| -> Vec<(String, String, i64, Option<f64>)> {
        let standings = budget_standings(pool, run, Some(at(time))).await.unwrap();
        standings
            .into_iter()
            .map(|standing| {
                (
                    standing.scope,
                    standing.period,
                    standing.used_cost_micros,
                    standing.share,
                )
            })
            .collect()
    };
    let line = |scope: &str, period: &str| (scope.to_owned(), period.to_owned(), 3000, Some(0.75));
    let (fleet, actor) = (line("fleet", "day"), line("actor", "month"));
    assert_eq!(shown(None, "13:00:00").await, [fleet.clone(), actor.clone()]);
    assert_eq!(shown(None, "2026-11-28 00:00:00").await, std::slice::from_ref(&actor));
    assert_eq!(shown(None, "2026-12-01 00:00:00").await, []);
    assert_eq!(
        shown(Some("run-1"), "13:00:00").await,
        [fleet, actor, line("run", "none"), line("act", "none")]
    );
}
