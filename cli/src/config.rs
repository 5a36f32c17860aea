//! `botticelli config`.

use std::{
    collections::HashMap,
    io::{Write, stdout},
    path::PathBuf,
};

use anyhow::Result;
use botticelli_lifecycle::Ending;
use botticelli_process::ProcessArguments;
use botticelli_schedule::{Clock, SystemClock, TickOffset};
use botticelli_workers::actor_specs;
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
    let summary = settings.check()?;
    actor_specs(&settings, &[])?;
    let mut out = stdout().lock();
    writeln!(out, "{} is fine: {} actors", summary.origin, summary.actors.len())?;
    let now = SystemClock.now();
    for actor in summary.actors {
        let next = actor.schedule.next_tick(now, TickOffset::of(&actor.name));
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
