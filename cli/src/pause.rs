//! `botticelli pause` and `botticelli resume`.

use std::{
    collections::HashMap,
    io::{Write, stdout},
};

use anyhow::{Result, bail};
use botticelli_actors::{list_actors, pause, pause_all, resume, resume_all};
use botticelli_lifecycle::Ending;
use clap::Args;
use sqlx::PgPool;

use crate::{Place, target};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The actor
    #[arg(required_unless_present = "all")]
    actor: Option<String>,
    /// All actors, and those that register later
    #[arg(long, conflicts_with = "actor")]
    all: bool,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run_pause(arguments: &Arguments, environment: HashMap<String, String>) -> Result<Ending> {
    let by = environment.get("USER").cloned().unwrap_or_else(|| "cli".to_owned());
    let pool = target::migrated_pool(&arguments.place.arguments(), environment).await?;
    let Some(actor) = &arguments.actor else {
        pause_all(&pool, &by).await?;
        writeln!(
            stdout(),
            "everything is paused: nothing starts until `botticelli resume --all`"
        )?;
        return Ok(Ending::Clean);
    };
    if !pause(&pool, actor, &by).await? {
        return unknown(&pool, actor).await;
    }
    writeln!(stdout(), "{actor} is paused: nothing of it starts until it is resumed")?;
    Ok(Ending::Clean)
}

pub(crate) async fn run_resume(arguments: &Arguments, environment: HashMap<String, String>) -> Result<Ending> {
    let pool = target::migrated_pool(&arguments.place.arguments(), environment).await?;
    let Some(actor) = &arguments.actor else {
        resume_all(&pool).await?;
        writeln!(stdout(), "everything runs again, but for what was paused by itself")?;
        return Ok(Ending::Clean);
    };
    if !resume(&pool, actor).await? {
        return unknown(&pool, actor).await;
    }
    writeln!(stdout(), "{actor} runs again")?;
    Ok(Ending::Clean)
}

async fn unknown(pool: &PgPool, name: &str) -> Result<Ending> {
    let known: Vec<String> = list_actors(pool).await?.into_iter().map(|actor| actor.name).collect();
    if known.is_empty() {
        bail!("there is no actor `{name}`: none has registered yet; start a scheduler or a worker first");
    }
    bail!("there is no actor `{name}`; the actors are {}", known.join(", "))
}
