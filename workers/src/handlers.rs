//! What each kind of actor does with a job.

mod curation;
mod generation;
mod narrative;
mod posting;
mod targets;

pub(crate) use targets::{TargetRows, content_target, is_of_answer, is_of_posts, rows_of, target_rows};

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, atomic::AtomicU32},
};

use botticelli_jobs::{ARGS_VERSION, Kind, NarrativeArgs};
use botticelli_ledger::{JobAttempt, lose_calls_before};
use botticelli_narrative::{ActRecord, Audience, Narrative, NarrativeRun, Ports, RunOptions};
use botticelli_queue::{ClaimedJob, Progress, UnreadableJob, report_progress};
use botticelli_telemetry::{Metrics, TokenKind};
use serde_json::{Value, json};

use crate::{
    outcome::{JobFailure, NarrativeFailure, Outcome, chain},
    ports::{Account, FleetState, JobCheckpoints, JobCommands, PostTables},
    shop::{ActorSpec, Shop},
};

/// The targets whose rows are posts: ours, and what upstream calls it.
const POSTS: [&str; 2] = ["potential_posts", "potential_discord_posts"];

/// Runs one job to its outcome. Nothing it does needs undoing when it is dropped half-way.
///
/// # Errors
///
/// [`JobFailure`], which is the decision about the job.
pub(crate) async fn run(shop: &Shop, actor: &ActorSpec, job: &ClaimedJob) -> Result<Outcome, JobFailure> {
    job.check(actor.kind.as_str(), ARGS_VERSION)
        .map_err(|error| match error {
            UnreadableJob::Version { .. } => JobFailure::TooNew(chain(&error)),
            _ => JobFailure::discard(&error),
        })?;
    // What an earlier attempt left open holds no place any more; its worker is gone.
    if actor.kind != Kind::Posting && job.lease.attempt > 1 {
        lose_calls_before(&shop.pool, attempt_of(job))
            .await
            .map_err(|error| JobFailure::retry(&error))?;
    }
    match actor.kind {
        Kind::Generation => generation::run(shop, actor, job).await,
        Kind::Curation => curation::run(shop, actor, job).await,
        Kind::Posting => posting::run(shop, actor, job).await,
        Kind::Narrative => narrative::run(shop, actor, job).await,
    }
}

fn attempt_of(job: &ClaimedJob) -> JobAttempt {
    JobAttempt {
        job: job.lease.job.0,
        attempt: job.lease.attempt,
    }
}

/// The narrative that the job asks for.
fn narrative_of(actor: &ActorSpec, name: Option<&str>) -> Result<Arc<Narrative>, JobFailure> {
    actor
        .narratives
        .narrative(name.or(actor.narrative_name.as_deref()))
        .map_err(|error| JobFailure::discard(&error))
}

/// Runs a narrative under the job's checkpoints.
async fn run_narrative(
    shop: &Shop,
    actor: &ActorSpec,
    job: &ClaimedJob,
    narrative: &Narrative,
    tables: &PostTables<'_>,
    args: &NarrativeArgs,
    step_prefix: String,
) -> Result<NarrativeRun, NarrativeFailure> {
    let iterations = args.iterations.map(NonZeroU32::get);
    let round = args.round.map(NonZeroU32::get);
    // A run within a job of several tells nothing of the whole.
    let acts = step_prefix.is_empty().then(|| {
        let rounds = round.map_or_else(|| narrative.iterations(iterations), |_| 1);
        let acts = narrative.acts_of_a_round().saturating_mul(rounds.into());
        u32::try_from(acts).unwrap_or(u32::MAX)
    });
    let account = Account {
        book: &shop.book,
        job: attempt_of(job),
        // The rounds of a carousel are one run. Other jobs of a workflow have nothing in common but their order.
        run: match (round, job.workflow) {
            (Some(_), Some(workflow)) => format!("workflow {}", workflow.0),
            _ => format!("job {}", job.lease.job),
        },
        actor: &actor.name,
        step_prefix: &step_prefix,
        open: Mutex::default(),
    };
    let checkpoints = JobCheckpoints {
        pool: &shop.pool,
        desk: &shop.played_acts,
        lease: job.lease,
        account: &account,
        acts,
        played: AtomicU32::new(0),
    };
    let audience = Counting { metrics: &shop.metrics };
    let commands = JobCommands {
        pool: &shop.pool,
        lease: job.lease,
        discord: &shop.discord,
        rules: &shop.command_rules,
        recent: &shop.recent_answers,
        clock: &*shop.clock,
    };
    let state = FleetState(&shop.pool);
    let ports = Ports {
        ledger: &account,
        tables,
        commands: &commands,
        media: &shop.media,
        state: &state,
        audience: &audience,
        ..Ports::bare(&shop.models, &checkpoints)
    };
    let options = RunOptions {
        args: args.args.clone(),
        step_prefix: step_prefix.clone(),
        // A try that repeated the last one's random numbers would repeat its failure.
        seed: Some(
            job.lease
                .job
                .0
                .unsigned_abs()
                .wrapping_mul(1_000_003)
                .wrapping_add(u64::from(job.lease.attempt.unsigned_abs())),
        ),
        environment: shop.environment.clone(),
        iterations,
        round,
        ..RunOptions::new(shop.timeouts)
    };
    botticelli_narrative::run(narrative, &ports, &options)
        .await
        .map_err(|error| NarrativeFailure::of(&error))
}

/// Counts what acts use up.
struct Counting<'a> {
    metrics: &'a Metrics,
}

impl Audience for Counting<'_> {
    fn ended(&self, _: &str, record: &ActRecord, is_resumed: bool) {
        if let (false, Some(provider), Some(model)) = (is_resumed, &record.provider, &record.model) {
            let usage = record.usage;
            self.metrics
                .llm_tokens(provider, model, TokenKind::Input, usage.input_tokens);
            self.metrics
                .llm_tokens(provider, model, TokenKind::Output, usage.output_tokens);
        }
    }
}

/// Tells how many posts of a job are done. What people see of a job's progress is not worth the job: when it cannot be told,
/// the next step finds out why.
async fn tell(shop: &Shop, job: &ClaimedJob, done: usize, total: usize) {
    let count = |number: usize| Some(u32::try_from(number).unwrap_or(u32::MAX));
    let progress = Progress {
        done: count(done),
        total: count(total),
        note: None,
    };
    if let Err(error) = report_progress(&shop.pool, job.lease, progress).await {
        tracing::debug!(job.id = %job.lease.job, error = chain(&error), "Could not tell the progress of job {}", job.lease.job);
    }
}

/// What an execution keeps of a narrative's run.
fn run_metadata(narrative: &Narrative, run: &NarrativeRun) -> Value {
    json!({
        "narrative": narrative.name(),
        "acts_run": run.acts_run,
        "acts_resumed": run.acts_resumed,
        "input_tokens": run.usage.input_tokens,
        "output_tokens": run.usage.output_tokens,
    })
}
