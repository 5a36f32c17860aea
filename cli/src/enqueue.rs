//! `botticelli enqueue`.

use std::{
    collections::HashMap,
    io::{Write, stdout},
};

use anyhow::{Context, Result};
use botticelli_database::begin;
use botticelli_lifecycle::Ending;
use botticelli_queue::{JobOptions, NewJob, Source, enqueue};
use clap::Args;
use serde_json::Value;

use crate::{Place, target};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The actor
    actor: String,
    /// The job's arguments as a JSON object
    #[arg(default_value = "{}", value_name = "JSON")]
    args: String,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(arguments: &Arguments, environment: HashMap<String, String>) -> Result<Ending> {
    let args: Value = serde_json::from_str(&arguments.args)
        .with_context(|| format!("the job's arguments are not JSON: `{}`", arguments.args))?;
    let pool = target::migrated_pool(&arguments.place.arguments(), environment).await?;
    let mut transaction = begin(&pool).await?;
    let job = NewJob {
        queue: &arguments.actor,
        args,
        source: Source::Cli,
        traceparent: None,
        options: JobOptions::default(),
    };
    let id = enqueue(&mut transaction, &job).await?;
    transaction.commit().await?;
    writeln!(stdout(), "enqueued job {id} for {}", arguments.actor)?;
    Ok(Ending::Clean)
}
