//! `botticelli-scheduler`: turns schedules into jobs until it is told to stop. Any number may run.

use std::{
    collections::HashMap,
    io::{IsTerminal, stderr},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Result;
use botticelli_database::check_schema;
use botticelli_jobs::register_fleet;
use botticelli_lifecycle::{Ending, exit_code};
use botticelli_process::{Process, ProcessArguments};
use botticelli_scheduler::{LoadSettings, Scheduler, sync_actors};
use clap::Parser;

/// Turns schedules into jobs, and looks after what the fleet leaves behind.
#[derive(Debug, Parser)]
#[command(name = "botticelli-scheduler", version)]
struct Cli {
    #[command(flatten)]
    process: ProcessArguments,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = run(Cli::parse()).await.map_err(|error| format!("{error:#}"));
    exit_code(&outcome, &mut stderr())
}

async fn run(cli: Cli) -> Result<Ending> {
    let environment: HashMap<String, String> = std::env::vars().collect();
    let load: LoadSettings = Arc::new(move || cli.process.settings(environment.clone()));
    let process = Process::start(load()?, "scheduler", stderr().is_terminal())?;
    let outcome = schedule(&process, load).await;
    process.flush().await;
    outcome
}

async fn schedule(process: &Process, load: LoadSettings) -> Result<Ending> {
    let pool = process.connect(None).await?.main;
    check_schema(&pool).await?;
    for retired in register_fleet(&pool, &process.settings, true).await? {
        tracing::warn!("Disabled actor {retired}: the settings no longer have it");
    }
    sync_actors(&pool, &process.settings).await?;
    let sidecar = process.sidecar(pool.clone()).await?;
    let mut scheduler = Scheduler::start(&process.settings, load, pool, process.metrics(), sidecar.heartbeat());
    sidecar.set_started();
    tracing::info!("Scheduler {} runs; {}", process.name, sidecar.addresses());

    let outcome = tokio::select! {
        () = process.shutdown.draining() => Ok(Ending::Clean),
        () = scheduler.failed() => Err(anyhow::anyhow!("the scheduler lost one of its loops; its log says which")),
    };
    scheduler.stop().await;
    process.shutdown.request_stop();
    sidecar.ended().await?;
    outcome
}
