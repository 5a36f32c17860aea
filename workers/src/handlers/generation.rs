//! Generation: runs a narrative and stores its outputs as potential posts.

use botticelli_jobs::{NarrativeArgs, read_args};
use botticelli_narrative::Output;
use botticelli_posts::{Draft, waiting};
use botticelli_queue::ClaimedJob;
use serde_json::Value;

use super::{narrative_of, run_metadata, run_narrative};
use crate::{
    outcome::{JobFailure, Outcome, Work},
    ports::PostTables,
    shop::{ActorSpec, Shop},
};

pub(super) async fn run(shop: &Shop, actor: &ActorSpec, job: &ClaimedJob) -> Result<Outcome, JobFailure> {
    let args: NarrativeArgs = read_args(actor.kind, &job.args).map_err(|error| JobFailure::discard(&error))?;
    // A person who asks for a run gets one; a schedule only fills what has room.
    if job.source == "schedule" {
        let waiting = waiting(&shop.pool).await.map_err(|error| JobFailure::retry(&error))?;
        if waiting >= i64::from(actor.max_waiting) {
            return Ok(Outcome::skipped(format!(
                "{waiting} posts wait for curation or posting already (`max_waiting` = {})",
                actor.max_waiting
            )));
        }
    }
    let narrative = narrative_of(actor, args.narrative_name.as_deref())?;
    let tables = PostTables {
        pool: Some(&shop.pool),
        in_hand: None,
    };
    let run = run_narrative(shop, job, &narrative, &tables, &args, String::new()).await?;
    let drafts = drafts(&run.outputs)?;
    Ok(Outcome {
        metadata: run_metadata(&narrative, &run),
        work: Work::Drafts(drafts),
        succeeded: run.acts_run + run.acts_resumed,
        failures: run.failures,
        traceparent: None,
    })
}

/// The table that generation writes; the only `target` that its narratives may have.
const TARGET: &str = "potential_posts";

/// Makes posts of the outputs that are meant to be posts.
fn drafts(outputs: &[Output]) -> Result<Vec<Draft>, JobFailure> {
    if let Some(elsewhere) = outputs
        .iter()
        .find(|output| output.target.as_deref().is_some_and(|target| target != TARGET))
    {
        return Err(JobFailure::Discard(format!(
            "narrative `{}` has target `{}`, but a generation actor stores posts in `{TARGET}`; write `target = \"{TARGET}\"`",
            elsewhere.narrative,
            elsewhere.target.as_deref().unwrap_or_default()
        )));
    }
    let posts: Vec<&Output> = outputs.iter().filter(|output| output.target.is_some()).collect();
    if posts.is_empty() && !outputs.is_empty() {
        return Err(JobFailure::Discard(format!(
            "no output of the narrative is meant to be a post; write `target = \"{TARGET}\"` in it"
        )));
    }
    posts.into_iter().map(draft).collect()
}

/// Makes a post of a narrative's output: free text as it is, or a JSON object with `text_content` (upstream's name), or
/// with `body` and, optionally, `title` and `tags`.
fn draft(output: &Output) -> Result<Draft, JobFailure> {
    let field = |name: &str| {
        output
            .json
            .as_ref()
            .and_then(|json| json.get(name))
            .and_then(Value::as_str)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    };
    let title = field("title").map(str::to_owned);
    let text = match (
        &output.json,
        field("text_content").or_else(|| field("text")),
        field("body"),
        &title,
    ) {
        (None, ..) => output.text.trim().to_owned(),
        (Some(_), Some(text), ..) => text.to_owned(),
        (Some(_), None, Some(body), Some(title)) => format!("**{title}**\n{body}"),
        (Some(_), None, Some(body), None) => body.to_owned(),
        (Some(_), None, None, _) => String::new(),
    };
    if text.is_empty() {
        return Err(JobFailure::Discard(format!(
            "narrative `{}` gave no text to post: its last act must answer with text, or with a JSON object that has `text_content` or `body`",
            output.narrative
        )));
    }
    let tags = output
        .json
        .as_ref()
        .and_then(|json| json.get("tags"))
        .and_then(Value::as_array);
    Ok(Draft {
        text,
        title,
        tags: tags
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        narrative: output.narrative.clone(),
        iteration: output.iteration,
        model: output.model.clone(),
        output: output.json.clone(),
    })
}
