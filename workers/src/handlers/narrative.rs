//! A narrative that is run for its own sake: the output stays with the execution.

use botticelli_jobs::{NarrativeArgs, read_args};
use botticelli_queue::ClaimedJob;
use serde_json::{Value, json};

use super::{narrative_of, run_metadata, run_narrative, target_rows};
use crate::{
    outcome::{JobFailure, Outcome, Work},
    ports::PostTables,
    shop::{ActorSpec, Shop},
};

pub(super) async fn run(shop: &Shop, actor: &ActorSpec, job: &ClaimedJob) -> Result<Outcome, JobFailure> {
    let args: NarrativeArgs = read_args(actor.kind, &job.args).map_err(|error| JobFailure::discard(&error))?;
    let narrative = narrative_of(actor, args.narrative_name.as_deref())?;
    let tables = PostTables::of_job(shop, job.lease);
    let run = run_narrative(shop, actor, job, &narrative, &tables, &args, String::new()).await?;
    let outputs: Vec<Value> = run
        .outputs
        .iter()
        .map(|output| output.json.clone().unwrap_or_else(|| Value::from(output.text.clone())))
        .collect();
    let mut metadata = run_metadata(&narrative, &run);
    metadata["outputs"] = json!(outputs);
    let (rows, wrong) = target_rows(run.outputs);
    let mut failures = run.failures;
    failures.extend(wrong);
    Ok(Outcome {
        metadata,
        work: Work::Stored,
        rows,
        succeeded: run.acts_run + run.acts_resumed,
        failures,
        traceparent: None,
    })
}
