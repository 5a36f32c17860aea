//! A steady load for a long time, and with an old transaction in the way: does anything grow?

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use botticelli_queue::{ClaimedJob, ConsumerOptions, compact, enqueue_bulk};
use clap::Args;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{QUEUE, consumer::consume, micros, prepare, print, remove_jobs, samples::Samples};

#[derive(Args)]
pub(crate) struct Soak {
    /// Jobs enqueued in a second.
    #[arg(long, default_value_t = 10_000)]
    rate: u64,
    /// How long, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seconds between two lines.
    #[arg(long, default_value_t = 10)]
    every: u64,
    /// Hold a transaction open, with a snapshot, from this second on …
    #[arg(long)]
    hold_from: Option<u64>,
    /// … to this one.
    #[arg(long)]
    hold_to: Option<u64>,
}

/// Times between two batches of the producer.
const TICK: Duration = Duration::from_millis(50);

pub(crate) async fn run(options: &Soak, pool: &PgPool) -> anyhow::Result<()> {
    prepare(pool).await?;
    remove_jobs(pool).await?;
    let pickups = Arc::new(Mutex::new(Samples::default()));
    let stop = CancellationToken::new();
    let consuming = tokio::spawn({
        let (pool, pickups, stop) = (pool.clone(), Arc::clone(&pickups), stop.clone());
        async move {
            consume(&pool, ConsumerOptions::default(), stop, move |job: ClaimedJob| {
                let enqueued = serde_json::from_str::<Value>(&job.args)
                    .ok()
                    .and_then(|args| args["t"].as_u64());
                let waited = micros().saturating_sub(enqueued.unwrap_or_default());
                pickups
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(Duration::from_micros(waited));
            })
            .await
        }
    });
    let begun = Instant::now();
    let producing = tokio::spawn({
        let (pool, rate, stop) = (pool.clone(), options.rate, stop.clone());
        async move { produce(&pool, rate, &stop).await }
    });
    // As schedulers do.
    let compacting = tokio::spawn({
        let pool = pool.clone();
        async move {
            loop {
                compact(&pool).await.ok();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    });
    let mut held = None;
    let mut first: Option<(f64, i64)> = None;
    for line in 1..=options.seconds / options.every {
        let second = (line - 1) * options.every;
        if options.hold_from.is_some_and(|from| from <= second) && options.hold_to.is_none_or(|to| to > second) {
            if held.is_none() {
                held = Some(hold(pool).await?);
            }
        } else {
            held = None;
        }
        let until = begun + Duration::from_secs(line * options.every);
        tokio::time::sleep_until(until.into()).await;
        let mut samples = std::mem::take(&mut *pickups.lock().unwrap_or_else(PoisonError::into_inner));
        let (dead, bytes, waiting) = tables(pool).await?;
        let p99 = samples.quantile(0.99);
        let (first_p99, first_bytes) = *first.get_or_insert((p99, bytes));
        #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
        let growth = bytes as f64 / first_bytes as f64;
        print(&json!({
            "bench": "soak",
            "second": line * options.every,
            "rate": options.rate,
            "held_transaction": held.is_some(),
            "pickup": samples.summary(),
            "waiting": waiting,
            "dead_tuples": dead,
            "hot_bytes": bytes,
            "pickup_p99_ratio": p99 / first_p99,
            "hot_bytes_ratio": growth,
        }));
    }
    compacting.abort();
    stop.cancel();
    producing.await??;
    consuming.await??;
    Ok(())
}

async fn produce(pool: &PgPool, rate: u64, stop: &CancellationToken) -> anyhow::Result<()> {
    let mut connection = pool.acquire().await?;
    let mut ticks = tokio::time::interval(TICK);
    let batch = rate * u64::try_from(TICK.as_millis())? / 1000;
    while !stop.is_cancelled() {
        ticks.tick().await;
        let args = json!({"t": micros()});
        enqueue_bulk(&mut connection, QUEUE, (0..batch).map(|_| &args)).await?;
    }
    Ok(())
}

/// A transaction that has taken a snapshot and keeps it, as a long report or a dump does.
async fn hold(pool: &PgPool) -> anyhow::Result<sqlx::Transaction<'static, sqlx::Postgres>> {
    let mut transaction = pool.begin().await?;
    sqlx::raw_sql("set transaction isolation level repeatable read; set local idle_in_transaction_session_timeout = 0; select 1 from botticelli.queues")
        .execute(&mut *transaction)
        .await?;
    Ok(transaction)
}

/// Dead tuples and bytes of the tables that should stay small, and how many jobs wait.
async fn tables(pool: &PgPool) -> anyhow::Result<(i64, i64, i64)> {
    Ok(sqlx::query_as(
        "select
           (select sum(n_dead_tup)::bigint from pg_stat_user_tables where relname ~ '^(waiting_jobs|claims)'),
           (select sum(pg_total_relation_size(oid))::bigint from pg_class where relname ~ '^(waiting_jobs|claims)' and relkind = 'r'),
           (select count(*) from botticelli.waiting_jobs)",
    )
    .fetch_one(pool)
    .await?)
}
