//! `botticelli up`: the whole fleet in one process.

use std::{
    collections::HashMap,
    io::{IsTerminal, stderr, stdout},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Result, anyhow, bail};
use botticelli_database::migrate;
use botticelli_jobs::register_fleet;
use botticelli_lifecycle::{Cluster, ClusterOptions, Ending};
use botticelli_llm::Providers;
use botticelli_posts::published;
use botticelli_process::{Pools, Process, ProcessArguments};
use botticelli_queue::{JobOptions, NewJob, Source, enqueue_unless_waiting};
use botticelli_scheduler::{LoadSettings, Scheduler, sync_actors};
use botticelli_workers::{ActorSpec, Fleet, WorkerParts, actor_specs, fleet_options, models, platforms, shop};
use clap::Args;
use secrecy::SecretString;
use sqlx::PgPool;

/// How often `--until-published` counts.
const COUNT_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    process: ProcessArguments,
    /// Run every enabled actor once at start, without waiting for its schedule
    #[arg(long)]
    now: bool,
    /// Stop once this many posts have been published since the start
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    until_published: Option<u32>,
    /// With --until-published: give up with an error after this many minutes
    #[arg(long, value_name = "MINUTES", default_value = "10", requires = "until_published")]
    give_up_after: u32,
}

pub(crate) async fn run(arguments: Arguments, environment: HashMap<String, String>) -> Result<Ending> {
    let data_dir = arguments.process.data_dir(&environment)?;
    let load: LoadSettings = {
        let (process, environment) = (arguments.process.clone(), environment.clone());
        Arc::new(move || process.settings(environment.clone()))
    };
    let settings = load()?;
    #[cfg(feature = "embedded-llm")]
    botticelli_workers::confine_model(&settings, &environment)?;
    let process = Process::start(settings, "up", stderr().is_terminal())?;
    let outcome = with_database(&process, &arguments, &data_dir, load).await;
    process.flush().await;
    outcome
}

/// Runs on the configured database, or on the private one for as long as this runs.
async fn with_database(
    process: &Process,
    arguments: &Arguments,
    data_dir: &Path,
    load: LoadSettings,
) -> Result<Ending> {
    // First what is quickly refused: a mistake in a narrative need not cost the start of a database.
    let crew = Crew {
        actors: actor_specs(&process.settings, &[])?,
        models: models(&process.settings, data_dir)?,
        load,
    };
    if process.settings.server.database_url.is_some() {
        return fleet(process, arguments, crew, None).await;
    }
    tracing::info!(
        "DATABASE_URL is not set: starting a private PostgreSQL in {}",
        data_dir.join("postgres").display()
    );
    let mut cluster = Cluster::start(ClusterOptions::new(data_dir.join("postgres"))).await?;
    let url = cluster.url().to_owned();
    tracing::info!(
        "For a look inside: psql \"$(cat {})\"",
        cluster.data_dir().join("database_url").display()
    );
    let outcome = tokio::select! {
        outcome = fleet(process, arguments, crew, Some(SecretString::from(url))) => outcome,
        died = cluster.died() => Err(died.into()),
    };
    cluster.stop().await?;
    outcome
}

/// Who runs, and who writes.
struct Crew {
    actors: Vec<ActorSpec>,
    models: Providers,
    /// Reads the settings again.
    load: LoadSettings,
}

async fn fleet(process: &Process, arguments: &Arguments, crew: Crew, url: Option<SecretString>) -> Result<Ending> {
    let settings = &process.settings;
    let Crew { actors, models, load } = crew;
    let platforms = platforms(settings, &actors, Box::new(stdout()));
    let Pools { main: pool, lease } = process.connect(url.as_ref()).await?;
    migrate(&pool).await?;
    for retired in register_fleet(&pool, settings, true).await? {
        tracing::info!("Disabled actor {retired}: the settings no longer have it");
    }
    sync_actors(&pool, settings).await?;
    let sidecar = process.sidecar(pool.clone()).await?;
    let since = process.clock.now();

    let parts = WorkerParts {
        pool: pool.clone(),
        models,
        platforms,
        metrics: process.metrics(),
        worker_name: process.name.clone(),
        clock: Arc::clone(&process.clock),
    };
    let options = fleet_options(settings, lease, Arc::clone(&process.clock));
    let names: Vec<String> = actors.iter().map(|actor| actor.name.to_string()).collect();
    let fleet = Fleet::start(shop(settings, parts)?, actors, options, sidecar.heartbeat()).await?;
    let mut scheduler = Scheduler::start(settings, load, pool.clone(), process.metrics(), sidecar.heartbeat());
    sidecar.set_started();
    tracing::info!("Botticelli is up; {}; Ctrl-C stops it", sidecar.addresses());
    if arguments.now {
        run_now(&pool, &names).await?;
    }

    let outcome = tokio::select! {
        () = process.shutdown.draining() => Ok(()),
        counted = until_published(&pool, arguments, since) => counted,
        () = scheduler.failed() => Err(anyhow!("the scheduler lost one of its loops; the log says which")),
    };
    // Also when it was not a signal: the same way down.
    process.shutdown.request_drain();
    tokio::join!(scheduler.stop(), fleet.drain(&process.shutdown));
    let ending = if process.shutdown.is_stopping() {
        Ending::Forced
    } else {
        Ending::Clean
    };
    process.shutdown.request_stop();
    sidecar.ended().await?;
    tracing::info!("Botticelli has stopped");
    outcome.map(|()| ending)
}

async fn run_now(pool: &PgPool, actors: &[String]) -> Result<()> {
    let mut connection = pool.acquire().await?;
    for actor in actors {
        let job = NewJob {
            queue: actor,
            args: serde_json::json!({}),
            source: Source::Cli,
            traceparent: None,
            options: JobOptions::default(),
        };
        enqueue_unless_waiting(&mut connection, &job).await?;
    }
    Ok(())
}

/// Ends when enough posts have been published, or never when no number was asked for.
async fn until_published(pool: &PgPool, arguments: &Arguments, since: chrono::DateTime<chrono::Utc>) -> Result<()> {
    let Some(wanted) = arguments.until_published else {
        return std::future::pending().await;
    };
    let enough = async {
        loop {
            if published(pool, since).await?.len() >= wanted as usize {
                return Ok(());
            }
            tokio::time::sleep(COUNT_INTERVAL).await;
        }
    };
    let patience = Duration::from_secs(60 * u64::from(arguments.give_up_after));
    match tokio::time::timeout(patience, enough).await {
        Ok(counted) => counted,
        Err(_) => bail!(
            "fewer than {wanted} posts were published within {} minutes",
            arguments.give_up_after
        ),
    }
}
