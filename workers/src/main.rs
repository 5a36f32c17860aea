//! `botticelli-worker`: runs the jobs of the configured actors until it is told to stop.

use std::{
    collections::HashMap,
    io::{IsTerminal, stderr, stdout},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Result;
use botticelli_database::check_schema;
use botticelli_jobs::register_fleet;
use botticelli_lifecycle::{Ending, exit_code};
use botticelli_process::{Process, ProcessArguments};
use botticelli_workers::{Fleet, WorkerParts, actor_specs, fleet_options, models_for, platforms, shop};
use clap::Parser;

/// Runs the jobs of the configured actors.
#[derive(Debug, Parser)]
#[command(name = "botticelli-worker", version)]
struct Cli {
    #[command(flatten)]
    process: ProcessArguments,
    /// Serve only this actor's queue; may be given several times
    #[arg(long = "queue", value_name = "ACTOR")]
    queues: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = run(Cli::parse()).await.map_err(|error| format!("{error:#}"));
    exit_code(&outcome, &mut stderr())
}

async fn run(cli: Cli) -> Result<Ending> {
    let environment: HashMap<String, String> = std::env::vars().collect();
    let data_dir = cli.process.data_dir(&environment)?;
    let settings = cli.process.settings(environment.clone())?;
    #[cfg(feature = "embedded-llm")]
    botticelli_workers::confine_model(&settings, &environment)?;
    let process = Process::start(settings, "worker", stderr().is_terminal())?;
    let outcome = work(&process, &cli.queues, &data_dir).await;
    process.flush().await;
    outcome
}

async fn work(process: &Process, queues: &[String], data_dir: &std::path::Path) -> Result<Ending> {
    let settings = &process.settings;
    let actors = actor_specs(settings, queues)?;
    let models = models_for(&actors, settings, data_dir)?;
    let platforms = platforms(settings, &actors, Box::new(stdout()));
    let pools = process.connect(None).await?;
    check_schema(&pools.main).await?;
    register_fleet(&pools.main, settings, false).await?;
    let sidecar = process.sidecar(pools.main.clone()).await?;

    let parts = WorkerParts {
        pool: pools.main,
        models,
        platforms,
        metrics: process.metrics(),
        worker_name: process.name.clone(),
        clock: Arc::clone(&process.clock),
    };
    let options = fleet_options(settings, pools.lease, Arc::clone(&process.clock));
    let fleet = Fleet::start(shop(settings, parts)?, actors, options, sidecar.heartbeat()).await?;
    sidecar.set_started();
    tracing::info!("Worker {} serves; {}", process.name, sidecar.addresses());

    process.shutdown.draining().await;
    fleet.drain(&process.shutdown).await;
    let ending = if process.shutdown.is_stopping() {
        Ending::Forced
    } else {
        Ending::Clean
    };
    process.shutdown.request_stop();
    sidecar.ended().await?;
    Ok(ending)
}
