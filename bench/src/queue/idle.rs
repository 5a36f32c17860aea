//! What a consumer costs that has nothing to do.

use std::time::Duration;

use anyhow::Context;
use botticelli_queue::ConsumerOptions;
use clap::Args;
use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{consumer::consume, prepare, print, remove_jobs};

#[derive(Args)]
pub(crate) struct Idle {
    /// How long to look, in seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

pub(crate) async fn run(options: &Idle, pool: &PgPool) -> anyhow::Result<()> {
    prepare(pool).await?;
    remove_jobs(pool).await?;
    let stop = CancellationToken::new();
    let consuming = tokio::spawn({
        let (pool, stop) = (pool.clone(), stop.clone());
        async move { consume(&pool, ConsumerOptions::default(), stop, |_| ()).await }
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = cpu_ticks()?;
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    let ticks = cpu_ticks()? - before;
    let connections: i64 = sqlx::query_scalar(
        "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'queue-bench'",
    )
    .fetch_one(pool)
    .await?;
    print(&json!({
        "bench": "idle",
        "seconds": options.seconds,
        // A tick is 10 ms on every Linux that this runs on.
        "worker_cpu_ms_per_s": ticks * 10 / options.seconds,
        "connections": connections,
    }));
    stop.cancel();
    consuming.await??;
    Ok(())
}

/// Processor time of this process (proc(5): utime and stime, fields 14 and 15 of `stat`).
fn cpu_ticks() -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, after_name) = stat.rsplit_once(") ").context("/proc/self/stat has no process name")?;
    let fields: Vec<&str> = after_name.split(' ').collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}
