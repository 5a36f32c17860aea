//! From settings to tools: what this process runs with.

use std::{collections::BTreeMap, io::Write, path::Path, sync::Arc};

use anyhow::{Context, bail};
use botticelli_actors::Breaker;
use botticelli_content::ReadableTables;
use botticelli_llm::Providers;
use botticelli_narrative::{Files, NarrativeFile, Surroundings};
use botticelli_platforms::{Discord, DiscordOptions, Noop, Platform};
use botticelli_queue::Backoff;
use botticelli_schedule::Clock;
use botticelli_settings::{ActorKind, ActorSettings, PlatformName, Settings};
use botticelli_telemetry::Metrics;
use sqlx::PgPool;

use crate::{
    ActorSpec, Book, CommandRules, FetchedMedia, FleetOptions, Identity, NarrativeFiles, PlatformCommands, Platforms,
    RecentAnswers, Shop, TraceJobs, check_models,
    models::{models_to_look_at, timeouts},
    running::RunningJobs,
    together::EntryDesk,
};

/// Reads and checks the narratives of the enabled actors that this process serves: all, or the named ones.
///
/// # Errors
///
/// A name that no actor has, or what is wrong with each actor: a narrative that is missing or wrong, or asks a model that
/// nobody serves, a posting narrative that asks a model, a generation narrative that makes no post.
pub fn actor_specs(settings: &Settings, only: &[String]) -> anyhow::Result<Vec<ActorSpec>> {
    if let Some(unknown) = only.iter().find(|name| !settings.actors.contains_key(*name)) {
        let known: Vec<_> = settings.actors.keys().map(String::as_str).collect();
        bail!(
            "there is no actor `{unknown}` to serve; the actors are {}",
            known.join(", ")
        );
    }
    let models = models_to_look_at(settings)?;
    let mut files: BTreeMap<String, Arc<NarrativeFile>> = BTreeMap::new();
    let served = settings
        .actors
        .values()
        .filter(|actor| actor.enabled && (only.is_empty() || only.contains(&actor.name)));
    let mut spec = |actor: &ActorSettings| {
        let (path, text) = settings.read_narrative(actor)?;
        let narratives = match files.get(&path) {
            Some(file) => Arc::clone(file),
            None => Arc::new(open_narrative(settings, &path, &text)?),
        };
        files.insert(path, Arc::clone(&narratives));
        actor_spec(settings, actor, narratives, &models)
    };
    let (mut specs, mut wrong) = (Vec::new(), Vec::new());
    for actor in served {
        match spec(actor) {
            Ok(spec) => specs.push(spec),
            Err(error) => wrong.push(format!("{error:#}")),
        }
    }
    // Two actors of one file have its mistakes in common.
    wrong.dedup();
    match wrong.as_slice() {
        [] => Ok(specs),
        wrong => bail!("{}", wrong.join("\n")),
    }
}

/// Reads the narratives in `text`, which came from `path`, with the files beside it and everything that the settings let
/// narratives reach.
///
/// # Errors
///
/// Everything that is wrong in them.
pub fn open_narrative(settings: &Settings, path: &str, text: &str) -> anyhow::Result<NarrativeFile> {
    let root = settings.narratives.root.as_ref().map(|root| settings.resolve(root));
    // What is compiled into the program has no directory.
    let is_file = Path::new(path).is_file();
    let files = is_file
        .then(|| NarrativeFiles::of(Path::new(path), root.as_deref()))
        .transpose()?;
    let surroundings = Surroundings {
        files: files.as_ref().map(|files| files as &dyn Files),
        commands: Some(&PlatformCommands),
        environment: Some(settings.narratives.environment()),
    };
    Ok(botticelli_narrative::open(path, text, &surroundings)?)
}

fn actor_spec(
    settings: &Settings,
    actor: &ActorSettings,
    narratives: Arc<NarrativeFile>,
    models: &Providers,
) -> anyhow::Result<ActorSpec> {
    let narrative = narratives
        .narrative(Some(&actor.narrative_name))
        .with_context(|| format!("`narrative_name` of actor `{}`", actor.name))?;
    if actor.kind == ActorKind::Posting && narrative.calls_model() {
        bail!(
            "actor `{}`: posting narrative `{}` asks a model, but approved text is published as it was approved; let its acts only read `approved_posts`",
            actor.name,
            narrative.name()
        );
    }
    if actor.kind == ActorKind::Generation && narrative.targets().is_empty() {
        bail!(
            "actor `{}`: no output of generation narrative `{}` is meant to be a post; write `target = \"potential_posts\"` in it",
            actor.name,
            narrative.name()
        );
    }
    let wrong = check_models(&narrative.needs(), models);
    if !wrong.is_empty() {
        let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        bail!("{}", wrong.join("\n"));
    }
    let followers = settings
        .actors
        .values()
        .filter(|other| other.enabled && other.after.contains(&actor.name));
    Ok(ActorSpec {
        name: Arc::from(actor.name.as_str()),
        kind: actor.kind,
        narratives,
        narrative_name: Some(actor.narrative_name.clone()),
        platform: actor.platform.as_str().to_owned(),
        channel: actor.channel_id.clone(),
        limit: actor.limit.get(),
        min_score: i16::from(actor.min_score),
        max_waiting: actor.max_waiting.get(),
        backoff: Backoff {
            base: actor.backoff_base,
            cap: actor.backoff_cap,
        },
        breaker: Breaker {
            failures: u16::try_from(actor.breaker_failures.get()).unwrap_or(u16::MAX),
            cooldown: actor.breaker_cooldown,
        },
        slots: actor.slots.get(),
        followers: followers.map(|follower| follower.name.clone()).collect(),
    })
}

/// Opens the platforms that the given actors post to. `stdout` is where `noop` prints.
///
/// A platform that cannot be opened, for example because its token is missing, is reported now and fails the runs that
/// need it; the others are not held up by it.
pub fn platforms(settings: &Settings, actors: &[ActorSpec], stdout: Box<dyn Write + Send>) -> Platforms {
    let noop: Arc<dyn Platform> = Arc::new(Noop::new(stdout));
    let mut platforms = BTreeMap::from([(noop.name(), Ok(noop))]);
    let discord = PlatformName::Discord.as_str();
    if actors
        .iter()
        .any(|actor| actor.kind == ActorKind::Posting && actor.platform == discord)
    {
        let opened = open_discord(settings).map(|discord| discord as Arc<dyn Platform>);
        if let Err(reason) = &opened {
            tracing::error!(platform = discord, "Nothing can be posted to Discord: {reason}");
        }
        platforms.insert(discord, opened);
    }
    platforms
}

/// Opens Discord, or says why it cannot be opened.
fn open_discord(settings: &Settings) -> Result<Arc<Discord>, String> {
    let open = || -> anyhow::Result<Discord> {
        let options = DiscordOptions {
            base_url: settings.discord.base_url.clone(),
            ..DiscordOptions::new(settings.discord_token()?)
        };
        Ok(Discord::new(&options)?)
    };
    open().map(Arc::new).map_err(|error| format!("{error:#}"))
}

/// What only the process itself can decide.
pub struct WorkerParts {
    /// Where everything is kept.
    pub pool: PgPool,
    /// Who writes.
    pub models: Providers,
    /// Where posts go.
    pub platforms: Platforms,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Host and process id, for people.
    pub worker_name: String,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// Lays out the tools.
///
/// # Errors
///
/// What of the settings cannot be used.
pub fn shop(settings: &Settings, parts: WorkerParts) -> anyhow::Result<Arc<Shop>> {
    let WorkerParts {
        pool,
        models,
        platforms,
        metrics,
        worker_name,
        clock,
    } = parts;
    let narratives = &settings.narratives;
    let readable = narratives.readable_tables.iter().map(String::as_str);
    let environment = narratives.environment().iter();
    let environment = environment.filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
    Ok(Arc::new(Shop {
        book: Book::new(settings, pool.clone()),
        media: FetchedMedia::new(&narratives.media_hosts).context("`[narratives] media_hosts`")?,
        discord: open_discord(settings).map(|discord| discord as Arc<dyn botticelli_platforms::CommandRunner>),
        command_rules: CommandRules::new(&narratives.commands),
        recent_answers: RecentAnswers::default(),
        readable: ReadableTables::named(readable).context("`[narratives] readable_tables`")?,
        environment: environment.collect(),
        begun_runs: EntryDesk::new(pool.clone()),
        played_acts: EntryDesk::new(pool.clone()),
        clock,
        pool,
        models,
        platforms,
        metrics,
        identity: Identity::fresh(),
        running: RunningJobs::default(),
        worker_name: worker_name.into(),
        timeouts: timeouts(settings),
        job_timeout: settings.queue.job_timeout,
        trace_jobs: match settings.telemetry.trace_jobs {
            botticelli_settings::TraceJobs::Auto => TraceJobs::Auto,
            botticelli_settings::TraceJobs::Parent => TraceJobs::Parent,
            botticelli_settings::TraceJobs::Link => TraceJobs::Link,
        },
    }))
}

/// The fleet's timings. `lease_pool` serves the lease alone.
pub fn fleet_options(settings: &Settings, lease_pool: PgPool, clock: Arc<dyn Clock>) -> FleetOptions {
    FleetOptions {
        lease: settings.queue.lease,
        heartbeat: settings.queue.heartbeat,
        poll_interval: settings.queue.poll_interval,
        drain_timeout: settings.queue.drain_timeout,
        lease_pool,
        clock,
    }
}

/// Starts this program again, in place and with the same arguments, with the number of threads of `[llm] threads` in its
/// environment, unless that is there already or the embedded model is not used.
///
/// The model's library reads the number once, before any code of ours can set it, and changing the environment of a
/// running process is not safe.
///
/// # Errors
///
/// When the program cannot be started again.
#[cfg(feature = "embedded-llm")]
pub fn confine_model<S: std::hash::BuildHasher>(
    settings: &Settings,
    environment: &std::collections::HashMap<String, String, S>,
) -> anyhow::Result<()> {
    use std::os::unix::process::CommandExt;

    use botticelli_llm::Embedded;

    if !settings.uses_embedded_model() || environment.contains_key(Embedded::THREADS_VARIABLE) {
        return Ok(());
    }
    let program = std::env::current_exe().context("this program's own path cannot be found")?;
    let error = std::process::Command::new(&program)
        .args(std::env::args_os().skip(1))
        .env(Embedded::THREADS_VARIABLE, settings.llm.threads.to_string())
        .exec();
    Err(error).with_context(|| {
        format!(
            "`{}` cannot be started again with its thread setting",
            program.display()
        )
    })
}
