//! `botticelli enqueue`.

use std::{
    collections::HashMap,
    io::{Write, stdout},
    time::Duration,
};

use anyhow::{Context, Result};
use botticelli_database::begin;
use botticelli_lifecycle::Ending;
use botticelli_queue::{Enqueued, JobOptions, NewJobs, Source, Unique, UniqueDuring, enqueue_many};
use botticelli_schedule::{Clock, SystemClock};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use serde_json::Value;

use crate::{Place, jobs::duration, target};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The actor
    actor: String,
    /// The job's arguments as a JSON object
    #[arg(default_value = "{}", value_name = "JSON")]
    args: String,
    /// Not before then, such as 2026-12-24T18:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "delay")]
    at: Option<DateTime<Utc>>,
    /// Not before so long from now, such as 90m
    #[arg(long = "in", value_name = "DURATION", value_parser = duration)]
    delay: Option<Duration>,
    /// Each point is worth a minute of waiting
    #[arg(long, value_name = "POINTS", default_value = "0", allow_negative_numbers = true)]
    priority: i16,
    /// Tries; the queue's own number unless it is said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    max_attempts: Option<u16>,
    /// Never, if it was not started by then
    #[arg(long, value_name = "TIME")]
    not_after: Option<DateTime<Utc>>,
    /// Only if none of its like waits or runs: by these arguments, * for all of them, nothing for one job in the queue
    #[arg(long, value_name = "ARGUMENT,…", num_args = 0..=1, default_missing_value = "", value_delimiter = ',')]
    unique_by: Option<Vec<String>>,
    /// What it is limited by beside its queue
    #[arg(long, value_name = "KEY")]
    limit_key: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(arguments: &Arguments, environment: HashMap<String, String>) -> Result<Ending> {
    let args: Value = serde_json::from_str(&arguments.args)
        .with_context(|| format!("the job's arguments are not JSON: `{}`", arguments.args))?;
    let pool = target::migrated_pool(&arguments.place.arguments(), environment).await?;
    let mut transaction = begin(&pool).await?;
    let unique_by: Option<Vec<&str>> = arguments.unique_by.as_ref().map(|names| {
        names
            .iter()
            .map(String::as_str)
            .filter(|name| !name.is_empty())
            .collect()
    });
    let jobs = NewJobs {
        queue: &arguments.actor,
        args: &[args],
        source: Source::Cli,
        traceparent: None,
        options: JobOptions {
            run_at: arguments.run_at()?,
            priority: arguments.priority,
            max_attempts: arguments.max_attempts,
            not_after: arguments.not_after,
            unique: unique_by.as_deref().map(|by| Unique {
                by,
                during: UniqueDuring::Unfinished,
                period: None,
            }),
            limit_key: arguments.limit_key.as_deref(),
            version: None,
        },
    };
    let enqueued = enqueue_many(&mut transaction, &jobs).await?;
    transaction.commit().await?;
    for Enqueued { id, is_new } in enqueued {
        if is_new {
            writeln!(stdout(), "enqueued job {id} for {}", arguments.actor)?;
        } else {
            writeln!(stdout(), "job {id} of {} is there already", arguments.actor)?;
        }
    }
    Ok(Ending::Clean)
}

impl Arguments {
    fn run_at(&self) -> Result<Option<DateTime<Utc>>> {
        let Some(delay) = self.delay else { return Ok(self.at) };
        let at = TimeDelta::from_std(delay)
            .ok()
            .and_then(|delay| SystemClock.now().checked_add_signed(delay));
        at.map(Some).context("the calendar does not go that far")
    }
}
