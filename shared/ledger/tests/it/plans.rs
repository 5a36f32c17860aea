//! However many calls are over, nothing reads them all.

use std::num::{NonZeroU32, NonZeroU64};

use botticelli_ledger::{
    Budget, Charge, Dimension, JobAttempt, Ledger, Period, RateLimits, Reservation, Reserved, Scope, budget_standings,
    calls_of_job, fail, fold_corrections, lose_calls_before, lose_expired_calls, open_calls, prune_calls, release,
    settled_call, usage_by,
};

use crate::{Desk, at, call_of, reservation, used};

/// A million calls over 100 days, 200,000 budgets of runs with their ends added up, and no statistics, as after an import.
const HISTORY: &str = "
    insert into botticelli.ended_calls
    select
      -n, n / 2, 1, 'run-' || n / 5, 'actor-' || n % 50, 'spring', 'sketch', '1/sketch', 'openai', '', 'gpt', '', '{}', 60, 40, 1000,
      timestamptz '2026-11-27 00:00+00' - n * interval '8.64 seconds', timestamptz '2026-11-27 00:00+00', 'settled',
      timestamptz '2026-11-27 00:00+00', 60, 40, 0, 0, 0, false, 1000, null, null
    from generate_series(1, 1000000) as n;
    insert into botticelli.budget_usage (scope, key, step, period, starts_at, opened_at, changed_at)
    select 'run', 'run-' || n, '', 'none', '-infinity', '2026-11-26', '2026-11-26' from generate_series(1, 200000) as n;";

/// How often each of the large tables was read as a whole, by whomever.
const SCANS: &str = "
    select sum(seq_scan) from pg_stat_user_tables
    where schemaname = 'botticelli' and relname in ('ended_calls', 'budget_usage')";

async fn scans(desk: &Desk) -> String {
    // What this session did; others tell theirs once they are idle.
    desk.database.execute("select pg_stat_force_next_flush()").await;
    desk.database.row(SCANS).await
}

#[tokio::test]
async fn with_a_million_calls_on_record_nothing_reads_them_all() {
    let desk = Desk::new().await;
    desk.database.execute(HISTORY).await;
    // One session, so that its statistics are told in order; not the first plans, those that are kept.
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(1)
        .connect(&desk.database.url)
        .await
        .unwrap();
    sqlx::raw_sql("select pg_stat_force_next_flush()")
        .execute(&pool)
        .await
        .unwrap();
    let before = scans(&desk).await;
    let ledger = Ledger::new(pool.clone());
    for round in 0..8 {
        let budget = |scope, period| Budget {
            scope,
            period,
            tokens: Some(1_000_000),
            calls: Some(1_000_000),
            cost_micros: Some(1_000_000),
        };
        let budgets = [
            budget(Scope::Act, Period::None),
            budget(Scope::Run, Period::None),
            budget(Scope::Actor, Period::Day),
            budget(Scope::Fleet, Period::Month),
        ];
        let limits = [RateLimits {
            requests_per_minute: NonZeroU32::new(1000),
            tokens_per_minute: NonZeroU64::new(1_000_000),
            concurrency: NonZeroU32::new(2),
            ..RateLimits::default()
        }];
        let of = |attempt, time: &str| Reservation {
            call: call_of(round, attempt),
            at: Some(at(time)),
            ..reservation(&budgets, &limits)
        };
        let mut calls = Vec::new();
        for attempt in [1, 2, 3, 4] {
            if let Reserved::Granted(granted) = ledger.reserve(of(attempt, "12:00:00")).await.unwrap() {
                calls.push(granted.call);
            }
        }
        assert_eq!(calls.len(), 2);
        botticelli_ledger::settle(&mut pool.acquire().await.unwrap(), calls[0], &used(1, 1), 1, None)
            .await
            .unwrap();
        fail(&pool, calls[1], "timeout", Charge::Unknown, None).await.unwrap();
        release(&pool, calls[1]).await.unwrap();
        ledger.reserve(of(5, "12:00:01")).await.unwrap();
        lose_calls_before(&pool, JobAttempt { job: round, attempt: 6 })
            .await
            .unwrap();
        ledger.reserve(of(6, "12:00:02")).await.unwrap();
        lose_expired_calls(&pool, Some(at("13:00:00"))).await.unwrap();
        assert_eq!(
            calls_of_job(&pool, round).await.unwrap().len(),
            if round == 0 { 5 } else { 6 }
        );
        settled_call(&pool, round, "1/sketch").await.unwrap().unwrap();
        assert_eq!(open_calls(&pool, 10).await.unwrap(), []);
        let days = usage_by(
            &pool,
            Dimension::Day,
            "2026-11-20".parse().unwrap(),
            "2026-11-21".parse().unwrap(),
        )
        .await
        .unwrap();
        assert_eq!(days.iter().map(|day| day.calls).sum::<i64>(), 20_000);
        budget_standings(&pool, Some("job-3"), Some(at("12:00:00")))
            .await
            .unwrap();
        fold_corrections(&pool, None).await.unwrap();
        // Nothing of that age, and then the first day.
        prune_calls(&pool, 200, Some(at("12:00:00"))).await.unwrap();
    }
    prune_calls(&pool, 99, Some(at("12:00:00"))).await.unwrap();
    sqlx::raw_sql("select pg_stat_force_next_flush()")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(scans(&desk).await, before);
}
