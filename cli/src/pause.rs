//! `botticelli pause` and `botticelli resume`.

use std::{
    collections::HashMap,
    io::{Write, stdout},
};

use anyhow::{Result, bail};
use botticelli_actors::{list_actors, pause, resume};
use botticelli_lifecycle::Ending;
use clap::Args;
use sqlx::PgPool;

use crate::{Place, target};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The actor
    actor: String,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run_pause(arguments: &Arguments, environment: HashMap<String, String>) -> Result<Ending> {
    let by = environment.get("USER").cloned().unwrap_or_else(|| "cli".to_owned());
    let pool = target::pool(&arguments.place.arguments(), environment).await?;
    if !pause(&pool, &arguments.actor, &by).await? {
        return unknown(&pool, &arguments.actor).await;
    }
    writeln!(
        stdout(),
        "{} is paused: nothing of it starts until it is resumed",
        arguments.actor
    )?;
    Ok(Ending::Clean)
}

pub(crate) async fn run_resume(arguments: &Arguments, environment: HashMap<String, String>) -> Result<Ending> {
    let pool = target::pool(&arguments.place.arguments(), environment).await?;
    if !resume(&pool, &arguments.actor).await? {
        return unknown(&pool, &arguments.actor).await;
    }
    writeln!(stdout(), "{} runs again", arguments.actor)?;
    Ok(Ending::Clean)
}

async fn unknown(pool: &PgPool, name: &str) -> Result<Ending> {
    let known: Vec<String> = list_actors(pool).await?.into_iter().map(|actor| actor.name).collect();
    bail!("there is no actor `{name}`; the actors are {}", known.join(", "))
}
