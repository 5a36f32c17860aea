//! `botticelli narrative`.

use std::{
    collections::HashMap,
    io::{Write, stdout},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, anyhow};
use botticelli_lifecycle::Ending;
use botticelli_narrative::{ActRecord, Audience, NarrativeFile, Ports, RunOptions};
use botticelli_workers::{NoCheckpoints, PostTables, models, timeouts};
use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use crate::{Place, target};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a narrative file: keys, references, templates, ranges
    Check {
        /// The narrative file
        file: PathBuf,
    },
    /// Run a narrative and print each act's reply as it comes; nothing is stored
    Run(Run),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The narrative file
    file: PathBuf,
    /// Which narrative of the file; may be left out when it has one
    name: Option<String>,
    /// A value for {{args.KEY}} in the prompts; may be given several times
    #[arg(long = "arg", value_name = "KEY=VALUE", value_parser = key_value)]
    args: Vec<(String, String)>,
    /// Rounds of the carousel, instead of the narrative's own number
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    iterations: Option<u32>,
    /// Seed of the model's random numbers
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    place: Place,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}

pub(crate) async fn run(command: Command, environment: HashMap<String, String>) -> Result<Ending> {
    match command {
        Command::Check { file } => check(&file),
        Command::Run(run) => play(run, environment).await,
    }
}

fn read(file: &Path) -> Result<NarrativeFile> {
    let path = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("narrative file `{path}` cannot be read"))?;
    Ok(botticelli_narrative::parse(&path, &text)?)
}

fn check(file: &Path) -> Result<Ending> {
    let narratives = read(file)?;
    let names: Vec<String> = narratives.names().map(str::to_owned).collect();
    writeln!(stdout(), "{} is fine: {}", file.display(), names.join(", "))?;
    Ok(Ending::Clean)
}

async fn play(run: Run, environment: HashMap<String, String>) -> Result<Ending> {
    let narrative = read(&run.file)?.narrative(run.name.as_deref())?;
    let arguments = run.place.arguments();
    let data_dir = arguments.data_dir(&environment)?;
    let settings = arguments.settings(environment.clone())?;
    #[cfg(feature = "embedded-llm")]
    botticelli_workers::confine_model(&settings, &environment)?;
    let models = models(&settings, &data_dir)?;
    // A narrative that reads no table runs without any database.
    let pool = target::migrated_pool(&arguments, environment).await.ok();
    let tables = PostTables {
        pool: pool.as_ref(),
        ..PostTables::default()
    };
    let printer = Printer::default();
    let ports = Ports {
        tables: &tables,
        audience: &printer,
        ..Ports::bare(&models, &NoCheckpoints)
    };
    let options = RunOptions {
        args: run
            .args
            .into_iter()
            .map(|(key, value)| (key, Value::from(value)))
            .collect::<Map<_, _>>(),
        seed: run.seed,
        iterations: run.iterations,
        ..RunOptions::new(timeouts(&settings))
    };
    let played = botticelli_narrative::run(&narrative, &ports, &options).await;
    let played = played.map_err(|error| anyhow!(error))?;
    if let Some(error) = printer.into_error() {
        return Err(error).context("a reply could not be printed");
    }
    if played.failures.is_empty() {
        return Ok(Ending::Clean);
    }
    Err(anyhow!("some rounds failed: {}", played.failures.join("; ")))
}

/// Prints each act's reply as it comes.
#[derive(Default)]
struct Printer {
    /// The first failure to print.
    failed: Mutex<Option<std::io::Error>>,
}

impl Printer {
    fn into_error(self) -> Option<std::io::Error> {
        self.failed.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Audience for Printer {
    fn ended(&self, _: &str, record: &ActRecord, _: bool) {
        let shown = writeln!(
            stdout(),
            "== {} / {} ({}, {} tokens)\n{}\n",
            record.narrative,
            record.act,
            record.model.as_deref().unwrap_or("no model"),
            record.usage.output_tokens,
            record.reply
        );
        if let Err(error) = shown {
            self.failed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(error);
        }
    }
}
