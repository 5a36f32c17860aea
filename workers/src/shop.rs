//! What every run works with: the pool, the model, the platforms, and what is known about each actor.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use botticelli_actors::Breaker;
use botticelli_content::ReadableTables;
use botticelli_jobs::Kind;
use botticelli_llm::{Providers, Timeouts};
use botticelli_narrative::NarrativeFile;
use botticelli_platforms::Platform;
use botticelli_queue::Backoff;
use botticelli_schedule::Clock;
use botticelli_telemetry::Metrics;
use sqlx::PgPool;

use crate::{
    identity::Identity,
    ports::{Book, CommandRules, DiscordRunner, PlayedAct, RecentAnswers},
    running::RunningJobs,
    service::BegunRun,
    surroundings::FetchedMedia,
    together::EntryDesk,
};

/// The tools of one worker process.
pub struct Shop {
    /// Where everything is kept.
    pub pool: PgPool,
    /// Who writes.
    pub models: Providers,
    /// Where posts go.
    pub platforms: Platforms,
    /// What narratives may fetch.
    pub media: FetchedMedia,
    /// Who carries out commands of Discord.
    pub discord: DiscordRunner,
    /// Which commands narratives may run.
    pub command_rules: CommandRules,
    /// What commands answered lately.
    pub recent_answers: RecentAnswers,
    /// Tables that narratives may read beside the fleet's own.
    pub readable: ReadableTables,
    /// The variables of the environment that narratives may use.
    pub environment: BTreeMap<String, String>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What calls of models cost and how many there may be.
    pub book: Book,
    /// Where jobs bring that they begin.
    pub(crate) begun_runs: EntryDesk<BegunRun>,
    /// Where jobs bring acts that have been played.
    pub(crate) played_acts: EntryDesk<Arc<PlayedAct>>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Under which identity jobs are held.
    pub identity: Identity,
    /// The jobs that run here.
    pub(crate) running: RunningJobs,
    /// Host and process id, for people.
    pub worker_name: Arc<str>,
    /// How long one call of a model may take.
    pub timeouts: Timeouts,
    /// How long one run may take.
    pub job_timeout: Duration,
    /// How job spans join the traces they come from.
    pub trace_jobs: TraceJobs,
}

/// The platforms that posts go to, by name; for one that could not be opened, why.
pub type Platforms = BTreeMap<&'static str, Result<Arc<dyn Platform>, String>>;

/// How a job's span joins the trace of whoever enqueued it. It is always linked to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceJobs {
    /// Also a child of it on a first try within 60 s; a later one begins a trace of its own.
    Auto,
    /// Always a child of it.
    Parent,
    /// Never a child of it.
    Link,
}

/// An actor as its jobs need it.
#[derive(Debug, Clone)]
pub struct ActorSpec {
    /// The actor's name, which is its queue's.
    pub name: Arc<str>,
    /// What it does.
    pub kind: Kind,
    /// The file of its narratives.
    pub narratives: Arc<NarrativeFile>,
    /// Which of them it runs; `None` when the file has one.
    pub narrative_name: Option<String>,
    /// The platform it posts to.
    pub platform: String,
    /// The channel there.
    pub channel: Option<String>,
    /// Posts handled per run.
    pub limit: u32,
    /// The least score that curation approves.
    pub min_score: i16,
    /// Generation is skipped while this many posts wait.
    pub max_waiting: u32,
    /// How long a failed job waits.
    pub backoff: Backoff,
    /// When its breaker opens.
    pub breaker: Breaker,
    /// Jobs of it that this process runs at once.
    pub slots: u16,
    /// Actors that run after it when it had output.
    pub followers: Vec<String>,
}
