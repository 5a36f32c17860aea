//! `botticelli llm`.

use std::{
    collections::HashMap,
    io::{IsTerminal, Write, stderr, stdout},
    net::SocketAddr,
    num::NonZero,
};

use anyhow::Result;
use botticelli_lifecycle::Ending;
use botticelli_llm_server::{ServerOptions, listen, serve};
use botticelli_process::Process;
use botticelli_schedule::{Clock, SystemClock};
use botticelli_settings::LlmBackend;
use botticelli_workers::{one_model, timeouts};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::Place;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the embedded model to programs that speak OpenAI chat completions
    Serve(Arguments),
}

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Address and port; any but the loopback needs a key, and port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8089")]
    listen: SocketAddr,
    /// Serve this model service of the settings instead: a `backend` of `[llm]`, or one of `[providers]`
    #[arg(long, value_name = "NAME", default_value = "embedded")]
    provider: String,
    /// Requests that are answered or wait at the same time; those beyond it are told to come back
    #[arg(long, value_name = "N", default_value = "16")]
    places: NonZero<u16>,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(command: Command, environment: HashMap<String, String>) -> Result<Ending> {
    let Command::Serve(arguments) = command;
    let process = arguments.place.arguments();
    let data_dir = process.data_dir(&environment)?;
    let mut settings = process.settings(environment.clone())?;
    settings.llm.backend = LlmBackend::from(arguments.provider.clone());
    let key = settings.llm_server_key()?;
    #[cfg(feature = "embedded-llm")]
    botticelli_workers::confine_model(&settings, &environment)?;
    let listener = listen(arguments.listen, key.is_some()).await?;
    let address = listener.local_addr()?;
    let model = one_model(&settings, &data_dir)?;
    let options = ServerOptions {
        name: model.own_model().unwrap_or_else(|| model.provider()).to_owned(),
        model,
        fingerprint: format!("botticelli-{}", env!("CARGO_PKG_VERSION")),
        timeouts: timeouts(&settings),
        places: arguments.places,
        now: || SystemClock.now().timestamp(),
        key,
    };
    let process = Process::start(settings, "llm-server", stderr().is_terminal())?;
    introduce(&options, address)?;
    let outcome = tokio::select! {
        served = serve(listener, options, process.shutdown.drain_token()) => served.map(|()| Ending::Clean),
        () = process.shutdown.stopping() => Ok(Ending::Forced),
    };
    process.flush().await;
    Ok(outcome?)
}

/// Says where the model is and how it is asked.
fn introduce(options: &ServerOptions, address: SocketAddr) -> Result<()> {
    let question = json!({"model": options.name, "messages": [{"role": "user", "content": "Name a river."}]});
    let key = match &options.key {
        Some(_) => " -H \"Authorization: Bearer $LLM_SERVER_KEY\"",
        None => "",
    };
    let mut out = stdout().lock();
    writeln!(
        out,
        "{} is served at http://{address}/v1; Ctrl-C stops it, and this asks it:",
        options.name
    )?;
    writeln!(
        out,
        "  curl http://{address}/v1/chat/completions{key} -H 'Content-Type: application/json' -d '{question}'"
    )?;
    Ok(())
}
