//! The narratives of `narrative-bench flight`, played by rig: `rig-narratives URL [NARRATIVES [EACH]]`.
//! AGENT=0 leaves rig's agent out.

use std::time::{Duration, Instant};

use rig::{
    Agent, AgentBuilder, Model,
    completion::{AssistantContent, CompletionRequest, Message},
    providers::openai::{OpenAIConfig, wire::Chat},
};
use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinSet;

const SYSTEM: &str = "You write short and friendly posts.";

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("the provider's address is missing")?;
    let narratives: u32 = args.next().map_or(Ok(1000), |number| number.parse())?;
    let each: u32 = args.next().map_or(Ok(1), |number| number.parse())?;

    let is_bare = std::env::var("AGENT").is_ok_and(|agent| agent == "0");

    let model = OpenAIConfig::new("none").with_base_url(url).client().chat("bench");
    let (peer, teller) = if is_bare {
        ("rig, its model alone", Teller::Model(model))
    } else {
        ("rig", Teller::Agent(AgentBuilder::new(model).preamble(SYSTEM).build()))
    };

    let (begun, before) = (Instant::now(), processor_time());
    let mut flying = JoinSet::new();
    for number in 0..narratives {
        flying.spawn(several(teller.clone(), number, each));
    }
    let mut sent_bytes = 0;
    while let Some(landed) = flying.join_next().await {
        sent_bytes += landed??;
    }
    let (wall, processor) = (begun.elapsed().as_secs_f64(), (processor_time() - before).as_secs_f64());
    let acts = f64::from(narratives * each * 3);
    println!(
        "{{\"bench\":\"flight\",\"peer\":\"{peer}\",\"narratives\":{narratives},\"each\":{each},\"wall_s\":{wall:.3},\
         \"wall_ratio_to_ideal\":{:.3},\"peak_memory_mb\":{:.0},\"cpu_ms_per_act\":{:.3},\"acts_per_cpu_s\":{:.0},\
         \"sent_bytes\":{sent_bytes}}}",
        wall / (f64::from(each) * 0.6),
        peak_memory_mb()?,
        processor * 1e3 / acts,
        acts / processor,
    );
    Ok(())
}

/// Plays so many narratives, and gives back how many bytes that sent.
async fn several(teller: Teller, number: u32, times: u32) -> Result<u64, Failure> {
    let mut sent_bytes = 0;
    for _ in 0..times {
        let mut history = Vec::new();
        let prompt = format!("Name one simple habit that helps people in community {number}.");
        let (idea, first) = teller.say(prompt, &mut history).await?;
        let prompt = "Write two friendly sentences about that.".to_owned();
        let (_, second) = teller.say(prompt, &mut history).await?;
        let prompt = format!("Give the post a title. The idea was: {idea}");
        let (title, third) = teller.say(prompt, &mut history).await?;
        if title.is_empty() || history.len() != 6 {
            return Err("a narrative has not played its acts".into());
        }
        sent_bytes += first + second + third;
    }
    Ok(sent_bytes)
}

/// Who asks: rig's agent, or its model alone.
#[derive(Clone)]
enum Teller {
    Agent(Agent),
    Model(Model<Chat>),
}

impl Teller {
    /// Asks with all messages before it, and appends question and answer.
    async fn say(&self, prompt: String, history: &mut Vec<Message>) -> Result<(String, u64), Failure> {
        match self {
            Self::Agent(agent) => {
                let reply = agent.chat(prompt, history).await?;
                Ok((reply.output().to_owned(), reply.usage.input_tokens.unwrap_or_default()))
            }
            Self::Model(model) => {
                history.push(Message::user(prompt));
                let mut request = CompletionRequest::new(Message::system(SYSTEM));
                request.chat_history.extend(history.iter().cloned());
                let reply = model.call(request).await?;
                let text = reply.choice.iter().find_map(|content| match content {
                    AssistantContent::Text(text) => Some(text.text.clone()),
                    _ => None,
                });
                let text = text.ok_or("the answer has no text")?;
                history.push(Message::assistant(text.as_str()));
                Ok((text, reply.usage.input_tokens.unwrap_or_default()))
            }
        }
    }
}

fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// proc(5): `VmHWM`.
fn peak_memory_mb() -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.split_whitespace().next()).ok_or("no VmHWM")?;
    Ok(kilobytes.parse::<f64>()? / 1024.0)
}
