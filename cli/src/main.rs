//! `botticelli`: the whole fleet in one process, and the tools around it.

mod config;
mod enqueue;
mod jobs;
mod llm;
mod migrate;
mod narrative;
mod pause;
mod schedule;
mod table;
mod target;
mod up;

use std::{
    collections::HashMap,
    fmt,
    io::{self, stderr},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Result;
use botticelli_lifecycle::{Ending, exit_code};
use botticelli_process::ProcessArguments;
use clap::{Args, Parser, Subcommand};

/// Good content on time: runs LLM narratives on schedule and publishes what passes review.
#[derive(Debug, Parser)]
#[command(name = "botticelli", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run scheduler, workers and sidecars in one process, on `DATABASE_URL` or on a private PostgreSQL
    Up(up::Arguments),
    /// Bring the database schema up to date
    Migrate(Place),
    /// Put one job in an actor's queue
    Enqueue(enqueue::Arguments),
    /// Let nothing of an actor start, in the whole fleet
    Pause(pause::Arguments),
    /// End an actor's pause, whether a person or its breaker began it
    Resume(pause::Arguments),
    /// Look at jobs, end them, give dead ones another chance
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// When what runs; hold it up, or make up for what did not run
    #[command(subcommand)]
    Schedule(schedule::Command),
    /// Look at the settings
    #[command(subcommand)]
    Config(config::Command),
    /// Let other programs use a language model of this one
    #[command(subcommand)]
    Llm(llm::Command),
    /// Check, run, test and compare narratives
    #[command(subcommand)]
    Narrative(narrative::Command),
}

/// Which database and data directory a command works on.
#[derive(Debug, Clone, Args)]
struct Place {
    #[arg(long, env = "BOTTICELLI_CONFIG", value_name = "FILE", help = "Settings file")]
    config: Option<PathBuf>,
    #[arg(
        long,
        env = "BOTTICELLI_DATA_DIR",
        value_name = "DIR",
        help = "Data directory of `botticelli up`"
    )]
    data_dir: Option<PathBuf>,
}

impl Place {
    fn arguments(&self) -> ProcessArguments {
        ProcessArguments {
            config: self.config.clone(),
            data_dir: self.data_dir.clone(),
            ..ProcessArguments::default()
        }
    }
}

/// Something is wrong, and all of it has been printed.
#[derive(Debug)]
struct AlreadySaid;

impl fmt::Display for AlreadySaid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("see above")
    }
}

impl std::error::Error for AlreadySaid {}

#[tokio::main]
async fn main() -> ExitCode {
    let environment: HashMap<String, String> = std::env::vars().collect();
    let outcome = run(Cli::parse(), environment).await;
    if outcome.as_ref().is_err_and(nobody_reads) {
        return ExitCode::SUCCESS;
    }
    if outcome.as_ref().is_err_and(anyhow::Error::is::<AlreadySaid>) {
        return ExitCode::FAILURE;
    }
    let outcome = outcome.map_err(|error| format!("{error:#}"));
    exit_code(&outcome, &mut stderr())
}

/// Whether all that went wrong is that nobody reads the answer to its end, as in `… | head`.
fn nobody_reads(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

async fn run(cli: Cli, environment: HashMap<String, String>) -> Result<Ending> {
    match cli.command {
        Command::Up(arguments) => up::run(arguments, environment).await,
        Command::Migrate(place) => migrate::run(&place, environment).await,
        Command::Enqueue(arguments) => enqueue::run(&arguments, environment).await,
        Command::Pause(arguments) => pause::run_pause(&arguments, environment).await,
        Command::Resume(arguments) => pause::run_resume(&arguments, environment).await,
        Command::Jobs(command) => jobs::run(command, environment).await,
        Command::Schedule(command) => schedule::run(command, environment).await,
        Command::Config(command) => config::run(command, environment),
        Command::Llm(command) => llm::run(command, environment).await,
        Command::Narrative(command) => narrative::run(command, environment).await,
    }
}
