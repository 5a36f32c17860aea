//! What limits cost: the same backlog worked off without and with them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use botticelli_queue::{ClaimedJob, ConsumerOptions, QueueLimits, Rate, limit_queue};
use clap::Args;
use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{QUEUE, consumer::consume, prepare, print};

#[derive(Args)]
pub(crate) struct Limits {
    /// Jobs worked off in each round.
    #[arg(long, default_value_t = 100_000)]
    jobs: u32,
    /// Keys that they have in turn.
    #[arg(long, default_value_t = 100)]
    keys: u32,
    /// Rounds.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

pub(crate) async fn run(options: &Limits, pool: &PgPool) -> anyhow::Result<()> {
    prepare(pool).await?;
    // Wide enough that none of them holds a job back: this is about what counting costs.
    let plenty = Some(Rate {
        jobs: 1_000_000,
        period: Duration::from_secs(1),
        burst: None,
    });
    let kinds = [
        ("off", QueueLimits::default()),
        (
            "queue",
            QueueLimits {
                max_running: Some(100_000),
                rate: plenty,
                ..QueueLimits::default()
            },
        ),
        (
            "key and rate",
            QueueLimits {
                max_running_per_key: Some(10_000),
                rate: plenty,
                ..QueueLimits::default()
            },
        ),
    ];
    for round in 1..=options.rounds {
        let mut off = 0.0;
        for (name, limits) in &kinds {
            let rate = drain(pool, options, limits).await?;
            if *name == "off" {
                off = rate;
            }
            print(&json!({
                "bench": "limits", "round": round, "limits": name, "jobs": options.jobs, "keys": options.keys,
                "jobs_per_s": rate.round(), "ratio_to_off": (rate / off * 100.0).round() / 100.0,
            }));
        }
    }
    limit_queue(&mut *pool.acquire().await?, QUEUE, &QueueLimits::default()).await?;
    Ok(())
}

/// Jobs a second.
async fn drain(pool: &PgPool, options: &Limits, limits: &QueueLimits) -> anyhow::Result<f64> {
    let mut connection = pool.acquire().await?;
    sqlx::raw_sql("truncate botticelli.waiting_jobs, botticelli.claims, botticelli.claim_history")
        .execute(&mut *connection)
        .await?;
    limit_queue(&mut connection, QUEUE, limits).await?;
    sqlx::query(
        "select count(*) from botticelli.enqueue_many($1, array_fill('{}'::jsonb, array[$2]),
           limit_keys => array(select 'key-' || n % $3 from generate_series(1, $2) as n))",
    )
    .bind(QUEUE)
    .bind(i32::try_from(options.jobs)?)
    .bind(i32::try_from(options.keys)?)
    .execute(&mut *connection)
    .await?;
    for statement in ["vacuum analyze botticelli.waiting_jobs", "checkpoint"] {
        sqlx::raw_sql(statement).execute(&mut *connection).await?;
    }
    let stop = CancellationToken::new();
    let begun = Instant::now();
    let ended = Arc::new(AtomicU64::new(0));
    let (all, counted, done) = (u64::from(options.jobs), Arc::clone(&ended), stop.clone());
    consume(pool, ConsumerOptions::default(), stop, move |_: ClaimedJob| {
        if counted.fetch_add(1, Ordering::Relaxed) + 1 == all {
            done.cancel();
        }
    })
    .await?;
    // The consumer ends once all that ran is settled.
    Ok(f64::from(options.jobs) / begun.elapsed().as_secs_f64())
}
