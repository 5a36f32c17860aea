//! `botticelli narrative run`.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufWriter, IsTerminal, Write, stdout},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, anyhow, bail};
use botticelli_content::ReadableTables;
use botticelli_lifecycle::Ending;
use botticelli_llm::{LlmError, Providers, Recording, Replay};
use botticelli_narrative::{
    Audience, Ledger, Models, Narrative, NarrativeRun, NoLedger, Nothing, OneModel, PlannedCall, PortFuture, Ports,
    Reserved, RunError, RunOptions, StateReader, TableReader, Ticket,
};
use botticelli_workers::{FetchedMedia, FleetState, NoCheckpoints, PostTables, check_models, models, prices, timeouts};
use clap::Args;
use serde_json::{Map, Value, to_string_pretty};
use sqlx::PgPool;

use super::{
    Reach, Surround,
    dry::{Rehearsal, RehearsedState},
    errors,
    purse::Purse,
    remarks::tame,
    reports::{Reports, Showing, outcome},
};
use crate::{AlreadySaid, target};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
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
    /// Print each reply when it is whole, also on a terminal
    #[arg(long)]
    no_stream: bool,
    /// Print the outcome as JSON: outputs, acts, usage, calls
    #[arg(long)]
    json: bool,
    /// Ask nobody: print every prompt as it would be sent. Commands are not run and media not fetched
    #[arg(long, conflicts_with_all = ["record", "replay"])]
    dry_run: bool,
    /// In a dry run, what an act is taken to answer; may be given several times
    #[arg(long = "reply", value_name = "ACT=TEXT", value_parser = key_value, requires = "dry_run")]
    replies: Vec<(String, String)>,
    /// Write every prompt and its reply into this file, as lines of JSON
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Answer from such a file, and ask no model
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    replay: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Who answers.
pub(super) enum Cast {
    /// The configured models.
    Configured(Providers),
    /// The same, recorded.
    Recorded(Providers, Arc<Recording>),
    /// A recording.
    Replayed(Replay),
}

impl Cast {
    /// The configured models, recorded into `file` if there is one.
    pub(super) fn configured(models: Providers, file: Option<&Path>) -> Result<Self> {
        let Some(file) = file else {
            return Ok(Self::Configured(models));
        };
        let out = File::create(file).with_context(|| format!("recording `{}` cannot be written", file.display()))?;
        let recording = Recording::new(BufWriter::new(out));
        let models = models.wrapped(|model| recording.of(model));
        Ok(Self::Recorded(models, recording))
    }

    pub(super) fn replayed(file: &Path) -> Result<Self> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("recording `{name}` cannot be read; make it with `--record`"))?;
        Ok(Self::Replayed(Replay::read(&name, &text)?))
    }

    /// Lets `play` have the models and the ledger that belongs to them.
    pub(super) async fn with<T>(&self, play: impl AsyncFnOnce(&dyn Models, &dyn Ledger) -> T) -> T {
        match self {
            Self::Configured(models) => play(models, &NoLedger).await,
            Self::Recorded(models, recording) => play(models, &Naming(recording)).await,
            Self::Replayed(replay) => play(&OneModel(replay), &NoLedger).await,
        }
    }

    /// Ends a recording.
    ///
    /// # Errors
    ///
    /// When it is not whole.
    pub(super) fn finish(&self) -> Result<()> {
        match self {
            Self::Recorded(_, recording) => recording.finish().context("the recording could not be written"),
            Self::Configured(_) | Self::Replayed(_) => Ok(()),
        }
    }
}

/// Tells a recording which step asks.
struct Naming<'a>(&'a Recording);

impl Ledger for Naming<'_> {
    fn reserve<'a>(&'a self, call: &'a PlannedCall<'a>) -> PortFuture<'a, Reserved> {
        self.0.name(call.prompt_hash, call.step);
        NoLedger.reserve(call)
    }

    fn fail<'a>(&'a self, ticket: Ticket, error: &'a LlmError) -> PortFuture<'a, ()> {
        NoLedger.fail(ticket, error)
    }
}

pub(super) async fn run(arguments: Arguments, environment: HashMap<String, String>) -> Result<Ending> {
    let surround = arguments.reach.look(&environment)?;
    let narrative = surround.open(&arguments.file)?.narrative(arguments.name.as_deref())?;
    let args = arguments.args.iter();
    let options = RunOptions {
        args: args
            .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
            .collect::<Map<_, _>>(),
        environment: surround.variables(),
        seed: arguments.seed,
        iterations: arguments.iterations,
        ..RunOptions::new(timeouts(&surround.settings))
    };
    let process = arguments.reach.place.arguments();
    // A narrative that reads nothing there runs without any database.
    let reads = !narrative.needs().tables.is_empty() || !narrative.state_keys().is_empty();
    let pool = match process.data_dir(&environment) {
        Ok(data_dir) if reads => target::migrated_pool_of(&surround.settings, &data_dir).await.ok(),
        _ => None,
    };
    if arguments.dry_run {
        let data_dir = process.data_dir(&environment)?;
        let configured = models(&surround.settings, &data_dir);
        return rehearse(&arguments, &surround, &narrative, &options, configured, pool.as_ref()).await;
    }
    let cast = if let Some(file) = &arguments.replay {
        Cast::replayed(file)?
    } else {
        #[cfg(feature = "embedded-llm")]
        botticelli_workers::confine_model(&surround.settings, &environment)?;
        let data_dir = process.data_dir(&environment)?;
        let models = models(&surround.settings, &data_dir)?;
        let wrong = check_models(&narrative.needs(), &models);
        if !wrong.is_empty() {
            bail!("{}", errors(&wrong));
        }
        Cast::configured(models, arguments.record.as_deref())?
    };
    let showing = match (arguments.json, stdout().is_terminal() && !arguments.no_stream) {
        (true, _) => Showing::Nothing,
        (false, true) => Showing::Pieces,
        (false, false) => Showing::Whole,
    };
    let reports = Reports::new(stdout(), showing);
    let played = cast
        .with(async |models: &dyn Models, ledger: &dyn Ledger| {
            let purse = Purse::before(ledger, prices(&surround.settings));
            let ports = Ports {
                ledger: &purse,
                audience: &reports,
                ..Ports::bare(models, &purse)
            };
            play(&narrative, ports, &options, &surround, pool.as_ref()).await
        })
        .await;
    let acts = reports.finish().context("a reply could not be printed")?;
    cast.finish()?;
    let played = played?.map_err(|error| format!("{:#}", anyhow!(error)));
    if arguments.json {
        let outcome = outcome(&narrative, &played, &acts, &prices(&surround.settings));
        writeln!(stdout(), "{}", to_string_pretty(&outcome)?)?;
    }
    let played = played.map_err(|error| anyhow!(error))?;
    if played.failures.is_empty() {
        return Ok(Ending::Clean);
    }
    Err(anyhow!("some rounds failed: {}", played.failures.join("; ")))
}

/// Plays with the tables and the state of the database, if there is one, and with media of the network.
///
/// # Errors
///
/// When the settings name what cannot be; the run's own outcome is within.
async fn play(
    narrative: &Narrative,
    ports: Ports<'_>,
    options: &RunOptions,
    surround: &Surround,
    pool: Option<&PgPool>,
) -> Result<Result<NarrativeRun, RunError>> {
    let tables = tables(surround, pool)?;
    let state = pool.map(FleetState);
    let media = FetchedMedia::new(&surround.settings.narratives.media_hosts)?;
    let ports = Ports {
        tables: &tables,
        state: state.as_ref().map_or(&Nothing as &dyn StateReader, |state| state),
        media: &media,
        ..ports
    };
    Ok(botticelli_narrative::run(narrative, &ports, options).await)
}

fn tables<'p>(surround: &Surround, pool: Option<&'p PgPool>) -> Result<PostTables<'p>> {
    let readable = surround.settings.narratives.readable_tables.iter().map(String::as_str);
    Ok(PostTables {
        pool,
        readable: ReadableTables::named(readable).context("`[narratives] readable_tables`")?,
        ..PostTables::default()
    })
}

/// Plays without asking anybody, and prints what would have been asked.
async fn rehearse(
    arguments: &Arguments,
    surround: &Surround,
    narrative: &Narrative,
    options: &RunOptions,
    configured: Result<Providers>,
    pool: Option<&PgPool>,
) -> Result<Ending> {
    let replies = arguments.replies.iter().cloned().collect();
    let rehearsal = Rehearsal::of(narrative, replies, prices(&surround.settings));
    let alone = rehearsal.model();
    let (models, warning) = match configured {
        Ok(models) => (Some(models.wrapped(|model| rehearsal.instead_of(model))), None),
        Err(error) => (
            None,
            Some(format!("no model can be opened, so none is chosen: {error:#}")),
        ),
    };
    let alone = OneModel(&*alone);
    let models: &dyn Models = models.as_ref().map_or(&alone, |models| models);
    let tables = tables(surround, pool)?;
    let state = pool.map(FleetState);
    let state = RehearsedState(state.as_ref().map_or(&Nothing as &dyn StateReader, |state| state));
    let ports = Ports {
        ledger: &*rehearsal,
        tables: if pool.is_some() {
            &tables as &dyn TableReader
        } else {
            &*rehearsal
        },
        commands: &*rehearsal,
        media: &*rehearsal,
        state: &state,
        audience: &*rehearsal as &dyn Audience,
        ..Ports::bare(models, &NoCheckpoints)
    };
    let played = botticelli_narrative::run(narrative, &ports, options).await;
    let played = played.map_err(|error| format!("{:#}", anyhow!(error)));
    let failure = match &played {
        Ok(played) if played.failures.is_empty() => None,
        Ok(played) => Some(format!("some rounds failed: {}", played.failures.join("; "))),
        Err(error) => Some(error.clone()),
    };
    let mut out = stdout().lock();
    if arguments.json {
        let mut outcome = rehearsal.json(narrative, failure.as_deref());
        outcome["warning"] = warning.into();
        writeln!(out, "{}", to_string_pretty(&outcome)?)?;
    } else {
        write!(out, "{}", tame(&rehearsal.in_words()))?;
        if let Some(warning) = warning {
            writeln!(out, "warning: {warning}")?;
        }
    }
    match failure {
        None => Ok(Ending::Clean),
        Some(_) if arguments.json => Err(AlreadySaid.into()),
        Some(failure) => Err(anyhow!(
            "{failure}; where a placeholder does not do, give what the act is taken to answer by `--reply ACT=TEXT`"
        )),
    }
}
