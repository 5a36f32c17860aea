//! Very many schedules: what a look costs when nothing is due, and how late jobs are when thousands are due at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use botticelli_control::HealthState;
use botticelli_schedule::SystemClock;
use botticelli_scheduler::Ticker;
use clap::Args;
use serde_json::json;
use sqlx::PgPool;

use crate::{QUEUE, prepare, print, remove_jobs, samples::Samples};

#[derive(Args)]
pub(crate) struct Schedules {
    /// Schedules in all.
    #[arg(long, default_value_t = 100_000)]
    count: i64,
    /// Those of them that are due in the same second.
    #[arg(long, default_value_t = 10_000)]
    due: i64,
    /// Looks when nothing is due.
    #[arg(long, default_value_t = 300)]
    looks: u32,
}

pub(crate) async fn run(options: &Schedules, pool: &PgPool) -> anyhow::Result<()> {
    prepare(pool).await?;
    remove_jobs(pool).await?;
    let ticker = ticker(pool)?;
    let few = looks(&ticker, pool, 1000, options.looks).await?;
    let many = looks(&ticker, pool, options.count, options.looks).await?;
    print(&json!({
        "bench": "schedules", "measure": "a look when nothing is due", "schedules": options.count,
        "p50_ms": many.p50_ms, "p99_ms": many.p99_ms, "planned_in_s": many.planned_in.as_secs_f64(),
        "p50_ratio_to_1000_schedules": many.p50_ms / few.p50_ms,
    }));

    sqlx::query(
        "update botticelli.schedules set schedule = 'at ' || to_char((now() + interval '20 seconds') at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
         where name in (select name from botticelli.schedules order by name limit $1)",
    )
    .bind(options.due)
    .execute(pool)
    .await?;
    // Those are planned, and then due.
    let done = "select count(*) from botticelli.schedules where last_outcome = 'enqueued'";
    let mut worked = Duration::ZERO;
    while sqlx::query_scalar::<_, i64>(done).fetch_one(pool).await? < options.due {
        let begun = Instant::now();
        let nap = ticker.round().await?;
        worked = worked.max(begun.elapsed());
        tokio::time::sleep(nap).await;
    }
    let (p50, p99, last): (f64, f64, f64) = sqlx::query_as(
        "select percentile_cont(0.5) within group (order by late), percentile_cont(0.99) within group (order by late), max(late)
         from (select extract(epoch from recorded_at - tick_at)::float8 as late from botticelli.schedule_ticks where outcome = 'enqueued') as l",
    )
    .fetch_one(pool)
    .await?;
    let begun = Instant::now();
    let inserted = sqlx::query("select botticelli.enqueue_many($1, array_fill('{}'::jsonb, array[$2::integer]))")
        .bind(QUEUE)
        .bind(options.due)
        .execute(pool)
        .await?
        .rows_affected();
    let baseline = begun.elapsed();
    print(&json!({
        "bench": "schedules", "measure": "due in the same second", "schedules": options.count, "due": options.due,
        "all_enqueued_in_s": worked.as_secs_f64(), "late_p50_s": p50, "late_p99_s": p99, "late_max_s": last,
        "baseline_enqueue_many_s": baseline.as_secs_f64(), "baseline_jobs": inserted,
        "ratio_to_enqueue_many": worked.as_secs_f64() / baseline.as_secs_f64(),
    }));
    Ok(())
}

struct Looks {
    p50_ms: f64,
    p99_ms: f64,
    planned_in: Duration,
}

async fn looks(ticker: &Ticker, pool: &PgPool, count: i64, looks: u32) -> anyhow::Result<Looks> {
    fill(pool, count).await?;
    let begun = Instant::now();
    ticker.round().await?;
    let planned_in = begun.elapsed();
    sqlx::raw_sql("vacuum analyze botticelli.schedules")
        .execute(pool)
        .await?;
    let mut samples = Samples::default();
    for _ in 0..looks {
        let begun = Instant::now();
        ticker.round().await?;
        samples.push(begun.elapsed());
    }
    Ok(Looks {
        p50_ms: samples.quantile(0.5),
        p99_ms: samples.quantile(0.99),
        planned_in,
    })
}

/// Makes so many schedules that are due once a year, and no others.
pub(crate) async fn fill(pool: &PgPool, count: i64) -> anyhow::Result<()> {
    sqlx::raw_sql("truncate botticelli.schedules, botticelli.schedule_ticks")
        .execute(pool)
        .await?;
    sqlx::query(
        "insert into botticelli.schedules (name, queue, schedule, timezone)
         select 's' || n, $2, '0 3 1 1 *', 'Europe/Berlin' from generate_series(1, $1) as n",
    )
    .bind(count)
    .bind(QUEUE)
    .execute(pool)
    .await?;
    Ok(())
}

pub(crate) fn ticker(pool: &PgPool) -> anyhow::Result<Ticker> {
    let (metrics, _) = botticelli_telemetry::local_metrics("scheduler", "bench")?;
    Ok(Ticker {
        pool: pool.clone(),
        clock: None,
        metrics,
        heartbeat: HealthState::new(Arc::new(SystemClock)).heartbeat(),
    })
}
