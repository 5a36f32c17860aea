//! `botticelli config`.

use std::{
    collections::HashMap,
    io::{Write, stdout},
    path::PathBuf,
};

use anyhow::{Result, bail};
use botticelli_lifecycle::Ending;
use botticelli_process::ProcessArguments;
use botticelli_schedule::{Clock, SystemClock};
use botticelli_settings::{ActorKind, ActorSettings, LlmBackend, PlatformName, Settings};
use botticelli_telemetry::check_log_filter;
use botticelli_workers::{actor_specs, prices};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check the settings and every narrative they name, and say what they amount to
    Check {
        /// Settings file
        #[arg(env = "BOTTICELLI_CONFIG")]
        file: Option<PathBuf>,
    },
}

pub(crate) fn run(command: Command, environment: HashMap<String, String>) -> Result<Ending> {
    let Command::Check { file } = command;
    let settings = ProcessArguments {
        config: file,
        ..ProcessArguments::default()
    }
    .settings(environment)?;
    let problems = problems(&settings);
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    let summary = settings.check()?;
    let mut out = stdout().lock();
    writeln!(out, "{} is fine: {} actors", summary.origin, summary.actors.len())?;
    for missing in missing_secrets(&settings).into_iter().chain(unpriced(&settings)) {
        writeln!(out, "  warning: {missing}")?;
    }
    let now = SystemClock.now();
    for actor in summary.actors {
        let next = settings.actors.get(&actor.name).and_then(|actor| actor.next_tick(now));
        let when = match (actor.enabled, next) {
            (false, _) => "disabled".to_owned(),
            (true, Some(next)) => format!(
                "{}, next {}",
                actor.schedule.as_str(),
                next.format("%Y-%m-%d %H:%M:%S UTC")
            ),
            (true, None) => actor.schedule.as_str().to_owned(),
        };
        let after = if actor.after.is_empty() {
            String::new()
        } else {
            format!(", after {}", actor.after.join(" and "))
        };
        writeln!(
            out,
            "  {} ({}): {when}{after}; narrative {} of {}; platform {}",
            actor.name,
            actor.kind.as_str(),
            actor.narrative_name,
            actor.narrative,
            actor.platform.as_str()
        )?;
    }
    Ok(Ending::Clean)
}

/// What would keep a process with these settings from starting, beside the settings themselves.
fn problems(settings: &Settings) -> Vec<String> {
    let mut problems = Vec::new();
    if let Err(error) = check_log_filter(&settings.telemetry.log) {
        problems.push(format!("key `telemetry.log`: {error}"));
    }
    if let Some(Err(error)) = settings.llm.script.as_deref().map(|script| {
        let script = settings.resolve(script);
        std::fs::metadata(&script).map_err(|error| format!("key `llm.script`: `{}`: {error}", script.display()))
    }) {
        problems.push(error);
    }
    if let Err(error) = actor_specs(settings, &[]) {
        problems.push(format!("{error:#}"));
    }
    problems
}

/// Models that a budget of money keeps from being asked, because nobody said what they cost.
fn unpriced(settings: &Settings) -> Vec<String> {
    if settings.budgets.values().all(|budget| budget.usd.is_none()) {
        return Vec::new();
    }
    let prices = prices(settings);
    let own = settings
        .llm
        .model
        .iter()
        .filter(|_| settings.llm.backend == LlmBackend::Openai);
    let own = own.map(|model| ("openai", model.as_str()));
    let named = settings
        .providers
        .iter()
        .map(|(name, provider)| (name.as_str(), provider.model.as_str()));
    own.chain(named)
        .filter(|(provider, model)| prices.of(provider, model).is_none())
        .map(|(provider, model)| {
            format!(
                "`[budgets]` count `usd`, so `{provider}/{model}` is not asked until `[prices.\"{provider}/{model}\"]` says what it costs, 0 \
                 where it is free"
            )
        })
        .collect()
}

/// Secrets that are not here. They may be where the fleet runs.
fn missing_secrets(settings: &Settings) -> Vec<String> {
    let posts_to_discord = |actor: &ActorSettings| {
        actor.enabled && actor.kind == ActorKind::Posting && actor.platform == PlatformName::Discord
    };
    let token = settings
        .actors
        .values()
        .any(posts_to_discord)
        .then(|| settings.discord_token().err());
    let missing = [settings.llm_api_key().err(), token.flatten()];
    missing
        .into_iter()
        .flatten()
        .map(|error| format!("{:#}", anyhow::Error::from(error)))
        .collect()
}
