//! Very many narratives of three acts at once in one process, through the engine and a model service that takes its time.

use std::{sync::Arc, time::Duration};

use anyhow::ensure;
use botticelli_llm::{ProviderOptions, Providers, Timeouts, Wire, open};
use botticelli_narrative::{Narrative, NarrativeRun, Ports, RunOptions, parse};
use botticelli_workers::NoCheckpoints;
use clap::Args;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::{
    cost::{Stopwatch, peak_memory_mb},
    print,
    provider::Running,
    rounded, sockets,
};

/// The peers in `bench/narrative-peers` say the same words.
pub(crate) const NARRATIVE: &str = r#"
[narrative]
name = "tip"
system = "You write short and friendly posts."
target = "potential_posts"
toc = ["idea", "post", "title"]

[acts]
idea = "Name one simple habit that helps people in {{ args.community }}."
post = "Write two friendly sentences about that."
title = "Give the post a title. The idea was: {{ idea }}"
"#;

/// The same with answers that have to follow a schema, whose pattern is that of `docs/narratives.md`.
const OF_JSON: &str = r#"
[narrative]
name = "tip"
system = "You write short and friendly posts."
target = "potential_posts"
toc = ["idea", "post", "title"]

[acts.idea]
prompt = "Name one simple habit that helps people in {{ args.community }}."
schema = "schemas.post"

[acts.post]
prompt = "Write two friendly sentences about that."
schema = "schemas.post"

[acts.title]
prompt = "Give the post a title. The idea was: {{ idea.json.body }}"
schema = "schemas.post"

[schemas.post]
type = "object"
required = ["body"]
properties.body = { type = "string", pattern = "^[A-Z].{40,220}[.!?]$" }
"#;

pub(crate) const ACTS: u32 = 3;

#[derive(Args)]
pub(crate) struct Flight {
    /// Narratives at once.
    #[arg(long, default_value_t = 1000)]
    narratives: u32,
    /// How many each plays one after another.
    #[arg(long, default_value_t = 1)]
    each: u32,
    /// How often all of it. The first time has to connect.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Have each act answer by a JSON schema.
    #[arg(long, conflicts_with = "sockets")]
    schema: bool,
    /// Send the same requests by plain sockets, to know what the machine itself can do.
    #[arg(long)]
    sockets: bool,
    /// The address of a running `provider`; a new one unless given.
    #[arg(long)]
    url: Option<String>,
    /// Milliseconds that the provider takes.
    #[arg(long, default_value_t = 200)]
    latency: u32,
}

pub(crate) async fn run(options: &Flight) -> anyhow::Result<()> {
    let provider = Running::at(options.url.as_deref(), options.latency.into()).await?;
    let models = Arc::new(models(&provider.url)?);
    // Every one has a narrative of its own, as if each were of another actor.
    let text = if options.schema { OF_JSON } else { NARRATIVE };
    let narratives: Vec<Arc<Narrative>> = (0..options.narratives)
        .map(|_| parse("tip.toml", text)?.narrative(None))
        .collect::<Result<_, _>>()?;
    let ideal = f64::from(options.each * ACTS * options.latency) / 1e3;
    let acts = options.narratives * options.each * ACTS;
    for round in 1..=options.rounds {
        let stopwatch = Stopwatch::start();
        let mut flying = JoinSet::new();
        for (narrative, number) in narratives.iter().cloned().zip(0..) {
            if options.sockets {
                let (url, each) = (provider.url.clone(), options.each);
                flying.spawn(async move { sockets::several(&url, each).await });
            } else {
                flying.spawn(several(narrative, Arc::clone(&models), number, options.each));
            }
        }
        let mut sent_bytes = 0;
        while let Some(landed) = flying.join_next().await {
            sent_bytes += landed??;
        }
        let cost = stopwatch.stop();
        let (wall, processor) = (cost.wall.as_secs_f64(), cost.processor.as_secs_f64());
        print(&json!({
            "bench": "flight", "peer": if options.sockets { "plain sockets" } else { "ours" }, "round": round, "narratives": options.narratives, "each": options.each, "schema": options.schema,
            "wall_s": rounded(wall), "wall_ratio_to_ideal": rounded(wall / ideal), "peak_memory_mb": peak_memory_mb("self")?.round(),
            "cpu_ms_per_act": rounded(processor * 1e3 / f64::from(acts)),
            "acts_per_cpu_s": (f64::from(acts) / processor).round(), "sent_bytes": sent_bytes,
        }));
    }
    Ok(())
}

/// Plays a narrative so many times, and gives back how many bytes that sent.
async fn several(narrative: Arc<Narrative>, models: Arc<Providers>, number: u32, times: u32) -> anyhow::Result<u64> {
    let mut sent_bytes = 0;
    for _ in 0..times {
        let options = RunOptions {
            args: Map::from_iter([("community".to_owned(), Value::from(format!("community {number}")))]),
            ..RunOptions::new(patience())
        };
        let ports = Ports::bare(&*models, &NoCheckpoints);
        let run = botticelli_narrative::run(&narrative, &ports, &options).await?;
        ensure!(is_whole(&run), "a narrative has not played its acts: {run:?}");
        sent_bytes += run.usage.input_tokens;
    }
    Ok(sent_bytes)
}

fn is_whole(run: &NarrativeRun) -> bool {
    run.acts_run == ACTS && run.outputs.iter().all(|output| !output.text.is_empty())
}

/// The service at `url`, as a worker opens it.
pub(crate) fn models(url: &str) -> anyhow::Result<Providers> {
    let options = ProviderOptions {
        base_url: Some(url.to_owned()),
        ..ProviderOptions::new("bench", Wire::OpenAi, "bench")
    };
    Ok(Providers::only("bench", open(options)?))
}

pub(crate) fn patience() -> Timeouts {
    Timeouts::within(Duration::from_mins(1))
}
