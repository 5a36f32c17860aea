//! A real scheduler process beside very many schedules: its start, its memory, what it asks when nothing is due, and how late
//! jobs are when little is.

use std::{
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, ensure};
use botticelli_queue::{ClaimedJob, ConsumerOptions, JobOptions, NewJob, Source, enqueue};
use clap::Args;
use serde_json::json;
use sqlx::{ConnectOptions, PgPool};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use tokio_util::sync::CancellationToken;

use crate::{QUEUE, consumer::consume, prepare, print, remove_jobs, samples::Samples, schedules};

/// No actors and no ports: nothing but schedules of the database.
const SETTINGS: &str = "[server]\nmetrics_port = 0\nhealth_port = 0\napi_port = 0\n";

#[derive(Args)]
pub(crate) struct Scheduler {
    /// The program.
    #[arg(long, default_value = "target/release/botticelli-scheduler")]
    program: PathBuf,
    /// Schedules of which none is due.
    #[arg(long, default_value_t = 100_000)]
    count: i64,
    /// Schedules that are due each second.
    #[arg(long, default_value_t = 20)]
    due: i64,
    /// How long each part lasts.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
}

pub(crate) async fn run(options: &Scheduler, pool: &PgPool) -> anyhow::Result<()> {
    prepare(pool).await?;
    remove_jobs(pool).await?;
    schedules::fill(pool, options.count).await?;
    schedules::ticker(pool)?.round().await?;
    let begun = Instant::now();
    let process = start(&options.program, pool).await?;
    let started = begun.elapsed();
    let pid = process.id().context("the scheduler has ended")?;

    let time = Duration::from_secs(options.seconds);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = transactions(pool).await?;
    tokio::time::sleep(time).await;
    let asked = transactions(pool).await? - before;
    print(&json!({
        "bench": "scheduler", "schedules": options.count, "started_in_s": started.as_secs_f64(),
        "idle_transactions_per_s": asked / time.as_secs_f64(), "peak_memory_mb": peak_memory_kb(pid)? / 1024,
    }));

    let late = Arc::new(Mutex::new(Samples::default()));
    let stop = CancellationToken::new();
    let consuming = tokio::spawn({
        let (pool, stop, late) = (pool.clone(), stop.clone(), Arc::clone(&late));
        async move {
            consume(&pool, ConsumerOptions::default(), stop, move |job: ClaimedJob| {
                let due = SystemTime::from(job.run_at);
                let lateness = due.elapsed().unwrap_or_default();
                late.lock().unwrap_or_else(PoisonError::into_inner).push(lateness);
            })
            .await
        }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let take = || std::mem::take(&mut *late.lock().unwrap_or_else(PoisonError::into_inner));
    let mut connection = pool.acquire().await?;
    for _ in 0..options.due * 10 {
        let job = NewJob {
            queue: QUEUE,
            args: json!({}),
            source: Source::Cli,
            traceparent: None,
            options: JobOptions::default(),
        };
        enqueue(&mut connection, &job).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut alone = take();
    sqlx::query(
        "insert into botticelli.schedules (name, queue, schedule, overlap)
         select 'each second ' || n, $2, 'every 1s', 'allow' from generate_series(1, $1) as n",
    )
    .bind(options.due)
    .bind(QUEUE)
    .execute(pool)
    .await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    take();
    tokio::time::sleep(time).await;
    let mut scheduled = take();
    stop.cancel();
    consuming.await??;
    end(process).await?;
    print(&json!({
        "bench": "scheduler", "measure": "from a tick to the handler of its job", "due_each_second": options.due,
        "scheduled": scheduled.summary(), "enqueued_by_hand": alone.summary(),
        "p50_ratio": scheduled.quantile(0.5) / alone.quantile(0.5), "p99_ratio": scheduled.quantile(0.99) / alone.quantile(0.99),
    }));
    Ok(())
}

/// Starts the program and waits until it says that it runs.
async fn start(program: &PathBuf, pool: &PgPool) -> anyhow::Result<Child> {
    let home = std::env::temp_dir().join(format!("queue-bench-{}", std::process::id()));
    std::fs::create_dir_all(&home)?;
    let settings = home.join("botticelli.toml");
    std::fs::write(&settings, SETTINGS)?;
    let mut process = Command::new(program)
        .env("DATABASE_URL", pool.connect_options().to_url_lossy().as_str())
        .arg("--config")
        .arg(settings)
        .arg("--data-dir")
        .arg(&home)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{} cannot be started; build it with --release", program.display()))?;
    let mut lines = BufReader::new(process.stderr.take().context("no output")?).lines();
    while let Some(line) = lines.next_line().await? {
        if line.contains("Scheduler") && line.contains(" runs") {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(process);
        }
        ensure!(!line.starts_with("error"), "{line}");
    }
    anyhow::bail!("the scheduler ended before it ran")
}

async fn end(mut process: Child) -> anyhow::Result<()> {
    process.kill().await?;
    Ok(())
}

/// Transactions that were ever made on the database.
async fn transactions(pool: &PgPool) -> anyhow::Result<f64> {
    Ok(sqlx::query_scalar(
        "select (xact_commit + xact_rollback)::float8 from pg_stat_database where datname = current_database()",
    )
    .fetch_one(pool)
    .await?)
}

/// The most memory that a process has had (proc(5): `VmHWM`).
fn peak_memory_kb(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak
        .and_then(|peak| peak.split_whitespace().next())
        .context("no VmHWM")?;
    Ok(kilobytes.parse()?)
}
