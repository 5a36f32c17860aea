//! Very many narratives as jobs of one real worker process: with a lease, a ledger, records of acts and posts in PostgreSQL.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, ensure};
use botticelli_database::PoolSize;
use botticelli_queue::{enqueue_bulk, has_unfinished};
use clap::Args;
use serde_json::json;
use sqlx::{ConnectOptions, PgPool};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{
    cost::{Stopwatch, peak_memory_mb, processor_seconds},
    flight::{ACTS, NARRATIVE},
    print,
    provider::Running,
    rounded,
};

/// The actor, and so its queue.
const ACTOR: &str = "generation";

#[derive(Args)]
pub(crate) struct Fleet {
    /// A database of its own.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: secrecy::SecretString,
    /// The program.
    #[arg(long, default_value = "target/release/botticelli-worker")]
    program: PathBuf,
    /// Jobs, and slots for them.
    #[arg(long, default_value_t = 1000)]
    narratives: u16,
    /// How often all of it.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Milliseconds that the provider takes.
    #[arg(long, default_value_t = 200)]
    latency: u32,
}

pub(crate) async fn run(options: &Fleet) -> anyhow::Result<()> {
    let pool = botticelli_database::connect(&options.database_url, PoolSize(2), "narrative-bench").await?;
    botticelli_database::migrate(&pool).await?;
    let provider = Running::at(None, options.latency.into()).await?;
    let home = tempfile::tempdir()?;
    let worker = start(options, &pool, &provider.url, home.path()).await?;
    let pid = worker.id().context("the worker has ended")?;

    let ideal = f64::from(ACTS * options.latency) / 1e3;
    let acts = f64::from(options.narratives) * f64::from(ACTS);
    for round in 1..=options.rounds {
        let args = (0..options.narratives).map(|number| json!({"args": {"community": format!("community {number}")}}));
        let completed = completed(&pool).await?;
        let (stopwatch, processor) = (Stopwatch::start(), processor_seconds(pid)?);
        enqueue_bulk(&mut *pool.acquire().await?, ACTOR, args).await?;
        while has_unfinished(&mut *pool.acquire().await?, ACTOR).await? {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let wall = stopwatch.stop().wall.as_secs_f64();
        let processor = processor_seconds(pid)? - processor;
        let ended = self::completed(&pool).await? - completed;
        ensure!(
            ended == i64::from(options.narratives),
            "only {ended} jobs were completed"
        );
        print(&json!({
            "bench": "fleet", "round": round, "narratives": options.narratives, "wall_s": rounded(wall),
            "wall_ratio_to_ideal": rounded(wall / ideal), "peak_memory_mb": peak_memory_mb(&pid.to_string())?.round(),
            "cpu_ms_per_act": rounded(processor * 1e3 / acts), "acts_per_cpu_s": (acts / processor).round(),
        }));
    }
    drop(worker);
    Ok(())
}

async fn completed(pool: &PgPool) -> anyhow::Result<i64> {
    Ok(
        sqlx::query_scalar("select count(*) from botticelli.job_history where queue = $1 and state = 'completed'")
            .bind(ACTOR)
            .fetch_one(pool)
            .await?,
    )
}

/// Starts the program and waits until it says that it serves.
async fn start(options: &Fleet, pool: &PgPool, provider: &str, home: &Path) -> anyhow::Result<Child> {
    let settings = format!(
        "[server]\nmetrics_port = 0\nhealth_port = 0\napi_port = 0\n\n\
         [llm]\nbackend = \"openai\"\nbase_url = \"{provider}\"\nmodel = \"bench\"\n\n\
         [actors.{ACTOR}]\nnarrative = \"tip.toml\"\nnarrative_name = \"tip\"\nslots = {}\n",
        options.narratives
    );
    std::fs::write(home.join("tip.toml"), NARRATIVE)?;
    let file = home.join("botticelli.toml");
    std::fs::write(&file, settings)?;
    let mut worker = Command::new(&options.program)
        .env("DATABASE_URL", pool.connect_options().to_url_lossy().as_str())
        .arg("--config")
        .arg(file)
        .arg("--data-dir")
        .arg(home)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| {
            format!(
                "{} cannot be started; build it with --release",
                options.program.display()
            )
        })?;
    let mut lines = BufReader::new(worker.stderr.take().context("no output")?).lines();
    while let Some(line) = lines.next_line().await? {
        if line.contains("Worker") && line.contains(" serves") {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(worker);
        }
        ensure!(!line.starts_with("error"), "{line}");
    }
    anyhow::bail!("the worker ended before it served")
}
