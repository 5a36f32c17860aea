//! `botticelli jobs`: looking at jobs, ending them, and giving dead ones another chance.

mod dead;
mod show;
mod workflow;

use std::{
    collections::HashMap,
    fmt::Write as _,
    io::{Write, stdout},
    time::Duration,
};

use anyhow::Result;
use botticelli_lifecycle::Ending;
use botticelli_queue::{Cancelled, JobId, cancel, list_unfinished, redrive, standing};
use botticelli_schedule::parse_duration;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, to_value};
use sqlx::PgPool;

use crate::{
    Place,
    table::{table, time},
    target,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Jobs that run or wait
    List(List),
    /// One job, wherever it is: its arguments, its tries and their errors
    Show(One),
    /// End a job: at once when it waits, by its worker when it runs
    Cancel(Cancel),
    /// Let one dead job wait again, with all of its tries before it
    Retry(One),
    /// Jobs that were given up
    Dead(dead::List),
    /// Let dead jobs wait again; without --yes, only count them
    Redrive(dead::Many),
    /// Delete dead jobs for good; without --yes, only count them
    Purge(dead::Many),
    /// The jobs of a workflow, and what they wait for
    Workflow(Workflow),
    /// How the queues stand
    Stats(Stats),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of this actor
    #[arg(long, value_name = "ACTOR")]
    queue: Option<String>,
    /// Only those in this state
    #[arg(long)]
    state: Option<State>,
    /// At most so many
    #[arg(long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    place: Place,
}

/// The states of a job that has not ended.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Available,
    Scheduled,
    Retryable,
    Pending,
    Running,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Scheduled => "scheduled",
            Self::Retryable => "retryable",
            Self::Pending => "pending",
            Self::Running => "running",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// The job's id
    id: i64,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// The job's id
    id: i64,
    /// Why, for whoever looks at it later
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Workflow {
    /// The workflow's id, as `jobs show` names it
    id: i64,
    /// End all of its jobs that have not ended
    #[arg(long)]
    cancel: bool,
    /// Why, for whoever looks at them later
    #[arg(long, requires = "cancel")]
    reason: Option<String>,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Stats {
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    place: Place,
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Form {
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl Form {
    /// Whether it is JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Writes `value` as JSON, or what `text` makes of it for people.
    pub(crate) fn write<T: serde::Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> Result<Ending> {
        let mut out = stdout().lock();
        if self.json {
            writeln!(out, "{:#}", to_value(value)?)?;
        } else {
            out.write_all(text(value).as_bytes())?;
        }
        Ok(Ending::Clean)
    }
}

/// A list of `count` rows, and whether it may go on.
fn with_more(mut list: String, count: usize, limit: u32) -> String {
    if u32::try_from(count).is_ok_and(|count| count >= limit) {
        writeln!(list, "the first {limit}; --limit shows more").ok();
    }
    list
}

/// Reads a duration such as `2h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

pub(crate) async fn run(command: Command, environment: HashMap<String, String>) -> Result<Ending> {
    let place = match &command {
        Command::List(arguments) => &arguments.place,
        Command::Show(arguments) | Command::Retry(arguments) => &arguments.place,
        Command::Cancel(arguments) => &arguments.place,
        Command::Dead(arguments) => &arguments.place,
        Command::Redrive(arguments) | Command::Purge(arguments) => &arguments.place,
        Command::Workflow(arguments) => &arguments.place,
        Command::Stats(arguments) => &arguments.place,
    };
    let by = environment.get("USER").cloned().unwrap_or_else(|| "cli".to_owned());
    let pool = target::migrated_pool(&place.arguments(), environment).await?;
    match command {
        Command::List(arguments) => list(&pool, &arguments).await,
        Command::Show(One { id, form, .. }) => show::run(&pool, JobId(id), form).await,
        Command::Cancel(arguments) => end(&pool, &arguments, &by).await,
        Command::Retry(One { id, form, .. }) => retry(&pool, JobId(id), form).await,
        Command::Dead(arguments) => dead::list(&pool, &arguments).await,
        Command::Redrive(arguments) => dead::redrive_many(&pool, &arguments).await,
        Command::Purge(arguments) => dead::purge_many(&pool, &arguments).await,
        Command::Workflow(arguments) => workflow::run(&pool, &arguments, &by).await,
        Command::Stats(Stats { form, .. }) => stats(&pool, form).await,
    }
}

async fn list(pool: &PgPool, arguments: &List) -> Result<Ending> {
    let state = arguments.state.map(State::as_str);
    let jobs = list_unfinished(pool, arguments.queue.as_deref(), state, arguments.limit).await?;
    arguments.form.write(&jobs, |jobs| {
        let rows: Vec<_> = jobs
            .iter()
            .map(|job| {
                [
                    job.id.to_string(),
                    job.queue.clone(),
                    job.state.clone(),
                    job.priority.to_string(),
                    time(job.run_at),
                    job.attempt.to_string(),
                    job.worker_name.clone().unwrap_or_default(),
                ]
            })
            .collect();
        let heading = ["ID", "QUEUE", "STATE", "PRIORITY", "RUN AT (UTC)", "ATTEMPT", "WORKER"];
        with_more(table(heading, &rows), rows.len(), arguments.limit)
    })
}

async fn end(pool: &PgPool, arguments: &Cancel, by: &str) -> Result<Ending> {
    let id = arguments.id;
    let done = cancel(pool, JobId(id), arguments.reason.as_deref(), by).await?;
    let (state, text) = match done {
        Cancelled::AtOnce => ("cancelled", format!("job {id} is cancelled\n")),
        Cancelled::Requested => (
            "cancelling",
            format!("job {id} runs; its worker has been told to stop it\n"),
        ),
    };
    arguments.form.write(&answer(id, state), |_| text)
}

async fn retry(pool: &PgPool, job: JobId, form: Form) -> Result<Ending> {
    redrive(pool, job).await?;
    form.write(&answer(job.0, "available"), |_| format!("job {job} waits again\n"))
}

/// What a command made of one job.
fn answer(id: i64, state: &str) -> Value {
    serde_json::json!({ "id": id, "state": state })
}

async fn stats(pool: &PgPool, form: Form) -> Result<Ending> {
    form.write(&standing(pool).await?, |queues| {
        let rows: Vec<_> = queues
            .iter()
            .map(|queue| {
                [
                    queue.queue.clone(),
                    queue.ready.to_string(),
                    queue.later.to_string(),
                    queue.pending.to_string(),
                    queue.running.to_string(),
                    queue
                        .oldest_ready_seconds
                        .map(|seconds| format!("{seconds:.0}s"))
                        .unwrap_or_default(),
                    queue.completed_last_hour.to_string(),
                    queue.dead.to_string(),
                    if queue.is_paused { "paused" } else { "" }.to_owned(),
                ]
            })
            .collect();
        table(
            [
                "QUEUE",
                "READY",
                "LATER",
                "PENDING",
                "RUNNING",
                "OLDEST READY",
                "COMPLETED IN 1H",
                "DEAD",
                "",
            ],
            &rows,
        )
    })
}
