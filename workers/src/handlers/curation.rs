//! Curation: decides on potential posts, one narrative run for each.
//!
//! The model sees one post at a time and answers with a verdict. Which post that was is known here and never asked of the
//! model, and approved text is copied by SQL, so a model can neither mix posts up nor retype them.

use botticelli_jobs::{BatchArgs, NarrativeArgs, read_args};
use botticelli_narrative::Narrative;
use botticelli_posts::{InReview, Verdict, take_for_review};
use botticelli_queue::ClaimedJob;
use serde_json::{Value, json};

use super::{narrative_of, run_narrative, tell};
use crate::{
    outcome::{Blame, JobFailure, NarrativeFailure, Outcome, Work},
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
    let mut review = Review::default();
    let (mut failure, mut is_paid) = (None, false);
    tell(shop, job, 0, posts.len()).await;
    for (post, number) in posts.iter().zip(1..) {
        match judge(shop, actor, job, &narrative, post, &mut review).await {
            Ok(verdict) => review.verdicts.push(verdict),
            Err(NarrativeFailure {
                blame: Blame::Content,
                failure,
            }) => {
                is_paid = true;
                review.verdicts.push(rejected(post, &format!("no verdict: {failure}")));
            }
            // A post that the model cannot judge must not hold up the others for ever.
            Err(NarrativeFailure {
                blame: Blame::Answer,
                failure,
            }) if job.is_last_try() => {
                let reason = format!("no verdict after {} tries: {failure}", job.tries);
                review.verdicts.push(rejected(post, &reason));
            }
            Err(NarrativeFailure {
                blame: Blame::Answer,
                failure: bad_answer,
            }) => {
                is_paid = true;
                failure.get_or_insert(bad_answer);
            }
            Err(NarrativeFailure {
                blame: Blame::Surroundings,
                failure: outage,
            }) => {
                failure = Some(match outage {
                    // A wait costs the job no try, and answers that are on no record would be paid for again after each.
                    JobFailure::Wait { reason, after } if is_paid => JobFailure::Retry { error: reason, after },
                    outage => outage,
                });
                break;
            }
        }
        tell(shop, job, number, posts.len()).await;
    }
    let failures = match failure {
        None => Vec::new(),
        Some(failure) if review.verdicts.is_empty() => return Err(failure),
        // The verdicts so far are in their checkpoints and cost the next try nothing.
        Some(failure @ JobFailure::Retry { .. }) if !job.is_last_try() => return Err(failure),
        Some(failure @ (JobFailure::Interrupted | JobFailure::Wait { .. })) => return Err(failure),
        // No try follows: what is decided counts, and the other posts wait for another job.
        Some(failure) => vec![failure.to_string()],
    };
    Ok(Outcome {
        metadata: json!({
            "narrative": narrative.name(),
            "posts": posts.len(),
            "input_tokens": review.input_tokens,
            "output_tokens": review.output_tokens,
        }),
        work: Work::Verdicts(review.verdicts),
        rows: Vec::new(),
        succeeded: review.acts,
        failures,
        traceparent: None,
    })
}

/// What was decided so far, and at what cost.
#[derive(Debug, Default)]
struct Review {
    verdicts: Vec<Verdict>,
    acts: u32,
    input_tokens: u64,
    output_tokens: u64,
}

/// Asks for the verdict on one post.
async fn judge(
    shop: &Shop,
    actor: &ActorSpec,
    job: &ClaimedJob,
    narrative: &Narrative,
    post: &InReview,
    review: &mut Review,
) -> Result<Verdict, NarrativeFailure> {
    let tables = PostTables {
        in_hand: Some(("potential_posts", &post.row)),
        ..PostTables::of_job(shop, job.lease)
    };
    let prefix = format!("post-{}/", post.id);
    let run = run_narrative(shop, actor, job, narrative, &tables, &NarrativeArgs::default(), prefix).await?;
    review.acts += run.acts_run + run.acts_resumed;
    review.input_tokens += run.usage.input_tokens;
    review.output_tokens += run.usage.output_tokens;
    let answer = run.outputs.last().and_then(|output| output.json.as_ref());
    verdict(actor, post, answer).map_err(|failure| NarrativeFailure {
        blame: Blame::Surroundings,
        failure,
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
