//! One narrative of more and more acts, each of which sees all before it: what else grows than what is sent.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::ensure;
use botticelli_llm::{Finish, LanguageModel, Message, Reply, ReplyFuture, Request, Usage};
use botticelli_narrative::{Models, Narrative, OneModel, Ports, RunOptions, parse};
use botticelli_workers::NoCheckpoints;
use clap::Args;
use serde_json::json;

use crate::{
    cost::Stopwatch,
    flight::{models, patience},
    print,
    provider::Running,
    rounded,
};

#[derive(Args)]
pub(crate) struct Growth {
    /// Numbers of acts.
    #[arg(long, value_delimiter = ',', default_value = "10,100,300,900")]
    acts: Vec<u32>,
    /// Acts that are played at least for each figure.
    #[arg(long, default_value_t = 6000)]
    total: u32,
}

pub(crate) async fn run(options: &Growth) -> anyhow::Result<()> {
    let provider = Running::at(None, 0).await?;
    let remote = models(&provider.url)?;
    let echo = Echo::default();
    for (way, models) in [
        ("engine alone", &OneModel(&echo) as &dyn Models),
        ("through HTTP", &remote),
    ] {
        let mut shorter: Option<(f64, f64)> = None;
        let mut shortest = None;
        for acts in &options.acts {
            let (bytes, nanos) = measure(*acts, options.total, models, &echo).await?;
            let per_byte = nanos / bytes;
            let of_shortest = *shortest.get_or_insert(per_byte);
            print(&json!({
                "bench": "growth", "way": way, "acts": acts, "payload_bytes_per_act": bytes.round(),
                "cpu_us_per_act": rounded(nanos / 1e3), "cpu_ns_per_byte": rounded(per_byte),
                "ratio_to_shortest": rounded(per_byte / of_shortest),
                "cpu_ns_per_further_byte": shorter.map(|(fewer, less)| rounded((nanos - less) / (bytes - fewer))),
            }));
            shorter = Some((bytes, nanos));
        }
    }
    Ok(())
}

/// Bytes of the texts that an act of so many sends, and the nanoseconds of the processor that it takes, on average.
async fn measure(acts: u32, total: u32, models: &dyn Models, echo: &Echo) -> anyhow::Result<(f64, f64)> {
    let narrative = narrative_of(acts)?;
    let options = RunOptions::new(patience());
    let counting = OneModel(echo);
    let counted = Ports::bare(&counting, &NoCheckpoints);
    echo.bytes.store(0, Ordering::Relaxed);
    botticelli_narrative::run(&narrative, &counted, &options).await?;
    #[expect(clippy::cast_precision_loss, reason = "some millions")]
    let bytes = echo.bytes.load(Ordering::Relaxed) as f64 / f64::from(acts);

    let ports = Ports::bare(models, &NoCheckpoints);
    let times = total.div_ceil(acts);
    let stopwatch = Stopwatch::start();
    for _ in 0..times {
        let run = botticelli_narrative::run(&narrative, &ports, &options).await?;
        ensure!(run.acts_run == acts, "a narrative has not played its acts: {run:?}");
    }
    let nanos = stopwatch.stop().processor.as_secs_f64() * 1e9 / f64::from(times * acts);
    Ok((bytes, nanos))
}

fn narrative_of(acts: u32) -> anyhow::Result<std::sync::Arc<Narrative>> {
    let names: Vec<String> = (1..=acts).map(|number| format!("a{number}")).collect();
    let prompts = names
        .iter()
        .map(|name| format!("{name} = \"Go on with the story, in one sentence or two, as {name}.\"\n"));
    let text = format!(
        "[narrative]\nname = \"story\"\ntoc = [\"{}\"]\n\n[acts]\n{}",
        names.join("\", \""),
        prompts.collect::<String>()
    );
    Ok(parse("story.toml", &text)?.narrative(None)?)
}

/// A model in this process that answers at once, and counts the bytes that it is sent.
#[derive(Debug, Default)]
struct Echo {
    bytes: AtomicU64,
}

impl LanguageModel for Echo {
    fn generate<'a>(&'a self, request: &'a Request) -> ReplyFuture<'a> {
        let texts = request.messages.iter().flat_map(Message::texts);
        let bytes: usize = texts.map(str::len).sum();
        self.bytes
            .fetch_add(u64::try_from(bytes).unwrap_or_default(), Ordering::Relaxed);
        let reply = Reply {
            text: "And they all went home, because it was late, and the kettle was already on the stove.".to_owned(),
            json: None,
            model: "echo".to_owned(),
            usage: Usage::default(),
            finish: Finish::Stop,
            request_id: None,
            remaining: None,
        };
        Box::pin(async { Ok(reply) })
    }

    fn provider(&self) -> &'static str {
        "echo"
    }
}
