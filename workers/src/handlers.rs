//! What each kind of actor does with a job.

mod curation;
mod generation;
mod narrative;
mod posting;

use std::num::NonZeroU32;

use botticelli_jobs::{ARGS_VERSION, Kind, NarrativeArgs};
use botticelli_narrative::{ActRecord, Narrative, NarrativeRun, Ports, RunOptions};
use botticelli_queue::{ClaimedJob, UnreadableJob};
use serde_json::{Value, json};

use crate::{
    outcome::{JobFailure, NarrativeFailure, Outcome},
    ports::{JobCheckpoints, PostTables},
    shop::{ActorSpec, Shop},
};

/// Runs one job to its outcome. Nothing it does needs undoing when it is dropped half-way.
///
/// # Errors
///
/// [`JobFailure`], which is the decision about the job.
pub(crate) async fn run(shop: &Shop, actor: &ActorSpec, job: &ClaimedJob) -> Result<Outcome, JobFailure> {
    job.check(actor.kind.as_str(), ARGS_VERSION)
        .map_err(|error| match error {
            // A newer worker may take the next try.
            UnreadableJob::Version { .. } => JobFailure::retry(&error),
            _ => JobFailure::discard(&error),
        })?;
    match actor.kind {
        Kind::Generation => generation::run(shop, actor, job).await,
        Kind::Curation => curation::run(shop, actor, job).await,
        Kind::Posting => posting::run(shop, actor, job).await,
        Kind::Narrative => narrative::run(shop, actor, job).await,
    }
}

/// The narrative that the job asks for.
fn narrative_of(actor: &ActorSpec, name: Option<&str>) -> Result<Narrative, JobFailure> {
    actor
        .narratives
        .narrative(name.or(actor.narrative_name.as_deref()))
        .map_err(|error| JobFailure::discard(&error))
}

/// Runs a narrative under the job's checkpoints.
async fn run_narrative(
    shop: &Shop,
    job: &ClaimedJob,
    narrative: &Narrative,
    tables: &PostTables<'_>,
    args: &NarrativeArgs,
    step_prefix: String,
) -> Result<NarrativeRun, NarrativeFailure> {
    let checkpoints = JobCheckpoints {
        pool: &shop.pool,
        lease: job.lease,
    };
    let ports = Ports {
        model: &*shop.model,
        tables,
        checkpoints: &checkpoints,
    };
    let options = RunOptions {
        args: args.args.clone(),
        step_prefix,
        act_timeout: shop.act_timeout,
        // A try that repeated the last one's random numbers would repeat its failure.
        seed: Some(
            job.lease
                .job
                .0
                .unsigned_abs()
                .wrapping_mul(1_000_003)
                .wrapping_add(u64::from(job.lease.attempt.unsigned_abs())),
        ),
        iterations: args.iterations.map(NonZeroU32::get),
        round: args.round.map(NonZeroU32::get),
    };
    let metrics = &shop.metrics;
    let mut count = |record: &ActRecord, resumed: bool| {
        if let (false, Some(provider), Some(model)) = (resumed, &record.provider, &record.model) {
            metrics.llm_tokens(
                provider,
                model,
                botticelli_telemetry::TokenKind::Input,
                record.usage.input_tokens,
            );
            metrics.llm_tokens(
                provider,
                model,
                botticelli_telemetry::TokenKind::Output,
                record.usage.output_tokens,
            );
        }
    };
    botticelli_narrative::run(narrative, &ports, &options, &mut count)
        .await
        .map_err(|error| NarrativeFailure::of(&error))
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
