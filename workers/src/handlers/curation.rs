//! Curation: decides on potential posts, one narrative run for each.
//!
//! The model sees one post at a time and answers with a verdict. Which post that was is known here and never asked of the
//! model, and approved text is copied by SQL, so a model can neither mix posts up nor retype them.

use botticelli_jobs::{BatchArgs, NarrativeArgs, read_args};
use botticelli_posts::{InReview, Verdict, take_for_review};
use botticelli_queue::ClaimedJob;
use serde_json::{Value, json};

use super::{narrative_of, run_narrative};
use crate::{
    outcome::{JobFailure, Outcome, Work},
    ports::PostTables,
    shop::{ActorSpec, Shop},
};

pub(super) async fn run(shop: &Shop, actor: &ActorSpec, job: &ClaimedJob) -> Result<Outcome, JobFailure> {
    let args: BatchArgs = read_args(actor.kind, &job.args).map_err(|error| JobFailure::discard(&error))?;
    let limit = args.limit.map_or(actor.limit, std::num::NonZeroU32::get);
    // Twice the longest run, so that nobody else takes a post while this job may still decide on it.
    let posts = take_for_review(&shop.pool, job.lease.job.0, limit, shop.job_timeout * 2)
        .await
        .map_err(|error| JobFailure::retry(&error))?;
    if posts.is_empty() {
        return Ok(Outcome::skipped("no potential post waits for curation"));
    }
    let narrative = narrative_of(actor, None)?;
    let mut verdicts = Vec::with_capacity(posts.len());
    let (mut acts, mut input_tokens, mut output_tokens) = (0, 0, 0);
    for post in &posts {
        let tables = PostTables {
            pool: Some(&shop.pool),
            in_hand: Some(("potential_posts", &post.row)),
        };
        let prefix = format!("post-{}/", post.id);
        match run_narrative(shop, job, &narrative, &tables, &NarrativeArgs::default(), prefix).await {
            Ok(run) => {
                acts += run.acts_run + run.acts_resumed;
                input_tokens += run.usage.input_tokens;
                output_tokens += run.usage.output_tokens;
                let answer = run.outputs.last().and_then(|output| output.json.as_ref());
                verdicts.push(verdict(actor, post, answer)?);
            }
            // A post that the model cannot judge must not hold up the others for ever.
            Err(JobFailure::Retry { error, .. }) if job.is_last_try() && !verdicts.is_empty() => {
                verdicts.push(rejected(
                    post,
                    &format!("no verdict after {} tries: {error}", job.tries),
                ));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(Outcome {
        metadata: json!({
            "narrative": narrative.name(),
            "posts": posts.len(),
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
        }),
        work: Work::Verdicts(verdicts),
        succeeded: acts,
        failures: Vec::new(),
        traceparent: None,
    })
}

/// Reads the model's answer, `{"verdict": "approve" | "reject", "score": 1..10, "reason": "…"}`. A post is approved when
/// both the verdict and the score say so.
fn verdict(actor: &ActorSpec, post: &InReview, answer: Option<&Value>) -> Result<Verdict, JobFailure> {
    let malformed = |field: &str| {
        JobFailure::Discard(format!(
            "curation narrative of actor `{}` gave no `{field}`: its last act needs a schema with `verdict` (approve or reject), `score` (1 to 10) and `reason`",
            actor.name
        ))
    };
    let answer = answer.ok_or_else(|| malformed("verdict"))?;
    let says_yes = match answer.get("verdict").and_then(Value::as_str) {
        Some("approve") => true,
        Some("reject") => false,
        _ => return Err(malformed("verdict")),
    };
    let score = answer
        .get("score")
        .and_then(Value::as_i64)
        .and_then(|score| i16::try_from(score).ok());
    let score = score
        .filter(|score| (1..=10).contains(score))
        .ok_or_else(|| malformed("score"))?;
    let reason = answer
        .get("reason")
        .and_then(Value::as_str)
        .ok_or_else(|| malformed("reason"))?;
    let approved = says_yes && score >= actor.min_score;
    let reason = if says_yes && !approved {
        format!("score {score} is below `min_score` = {}: {reason}", actor.min_score)
    } else {
        reason.to_owned()
    };
    Ok(Verdict {
        post_id: post.id,
        approved,
        score,
        reason,
    })
}

fn rejected(post: &InReview, reason: &str) -> Verdict {
    Verdict {
        post_id: post.id,
        approved: false,
        score: 1,
        reason: reason.to_owned(),
    }
}
