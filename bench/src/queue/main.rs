//! Measures the queue: as a peer among others (bench/README.md), and by itself.
#![expect(
    clippy::print_stdout,
    reason = "figures go to standard output, one JSON object a line"
)]
#![expect(clippy::disallowed_methods, reason = "measuring time is what this program is for")]

mod backlog;
mod consumer;
mod idle;
mod ledger;
mod limits;
mod peer;
mod samples;
mod scheduler;
mod schedules;
mod soak;

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use botticelli_queue::register_queue;
use clap::{Parser, Subcommand};
use sqlx::PgPool;

/// The queue that is measured.
const QUEUE: &str = "bench";

/// Measures the queue on the database that `DATABASE_URL` names, and leaves its rows there. Prints a JSON object a line.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// A database that may be written to, and whose jobs may be removed.
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        global = true,
        default_value = ""
    )]
    database_url: secrecy::SecretString,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Speaks the protocol of the side-by-side driver.
    #[command(subcommand)]
    Peer(peer::Peer),
    /// Claims beside millions of jobs that wait or are over, and the ratio to a small queue.
    Backlog(backlog::Backlog),
    /// A steady load, and what grows.
    Soak(soak::Soak),
    /// What a consumer costs that has nothing to do.
    Idle(idle::Idle),
    /// The same backlog without limits, with limits of the queue and with limits of keys.
    Limits(limits::Limits),
    /// Reserving and settling calls of language models, beside plain inserts.
    Ledger(ledger::Ledger),
    /// Very many schedules: a look when nothing is due, and thousands due at once.
    Schedules(schedules::Schedules),
    /// A real scheduler process: its start, its memory, what it asks when idle, how late jobs are.
    Scheduler(scheduler::Scheduler),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let pool = connect(&cli.database_url).await?;
        match &cli.command {
            Command::Peer(peer) => peer::run(peer, &pool).await,
            Command::Backlog(options) => backlog::run(options, &pool).await,
            Command::Soak(options) => soak::run(options, &pool).await,
            Command::Idle(options) => idle::run(options, &pool).await,
            Command::Limits(options) => limits::run(options, &pool).await,
            Command::Ledger(options) => ledger::run(options, &pool).await,
            Command::Schedules(options) => schedules::run(options, &pool).await,
            Command::Scheduler(options) => scheduler::run(options, &pool).await,
        }
    })
}

async fn connect(url: &secrecy::SecretString) -> anyhow::Result<PgPool> {
    // The claimer, the settler, the listener and the lease hold one each.
    let size = botticelli_database::PoolSize(8);
    botticelli_database::connect(url, size, "queue-bench")
        .await
        .context("set DATABASE_URL to a database that may be written to")
}

/// Makes the schema and the queue.
async fn prepare(pool: &PgPool) -> anyhow::Result<()> {
    botticelli_database::migrate(pool).await?;
    register_queue(&mut *pool.acquire().await?, QUEUE, "noop", 5).await?;
    Ok(())
}

/// Removes all jobs, for figures that others would spoil.
async fn remove_jobs(pool: &PgPool) -> anyhow::Result<()> {
    sqlx::raw_sql("truncate botticelli.waiting_jobs, botticelli.claims, botticelli.claim_history")
        .execute(pool)
        .await?;
    Ok(())
}

fn print(figures: &serde_json::Value) {
    println!("{figures}");
}

/// Microseconds since 1970.
fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
