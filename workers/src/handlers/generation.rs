//! Generation: runs a narrative and stores its outputs as potential posts.
//!
//! A carousel of several rounds becomes a job for each of them, so that they run side by side where there are slots, and a
//! round that fails is tried again alone. The job itself waits for them and then says what came of them.

use std::num::NonZeroU32;

use botticelli_jobs::{NarrativeArgs, read_args};
use botticelli_narrative::{Narrative, Output};
use botticelli_posts::{Draft, waiting};
use botticelli_queue::{ClaimedJob, Need, needs_of};
use serde_json::{Value, json};

use super::{POSTS, is_of_posts, narrative_of, run_metadata, run_narrative, target_rows};
use crate::{
    outcome::{JobFailure, Outcome, Rounds, Work},
    ports::PostTables,
    shop::{ActorSpec, Shop},
};

pub(super) async fn run(shop: &Shop, actor: &ActorSpec, job: &ClaimedJob) -> Result<Outcome, JobFailure> {
    let args: NarrativeArgs = read_args(actor.kind, &job.args).map_err(|error| JobFailure::discard(&error))?;
    if args.round.is_none() {
        let asked_for = asked_for(shop, job).await?;
        // Whatever has become of the narrative, and of other posts, meanwhile.
        if !asked_for.is_empty() {
            let narrative = args.narrative_name.as_deref().or(actor.narrative_name.as_deref());
            return Ok(gathered(narrative.unwrap_or_default(), &asked_for));
        }
    }
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
    let rounds = narrative.iterations(args.iterations.map(NonZeroU32::get));
    if args.round.is_none() && rounds > 1 {
        return ask_for_rounds(&narrative, &args, rounds);
    }
    let tables = PostTables::of_job(shop, job.lease);
    let run = run_narrative(shop, actor, job, &narrative, &tables, &args, String::new()).await?;
    let metadata = run_metadata(&narrative, &run);
    let (drafts, blanks) = drafts(&run.outputs)?;
    let (rows, wrong) = target_rows(run.outputs);
    let mut failures = run.failures;
    failures.extend(blanks);
    failures.extend(wrong);
    Ok(Outcome {
        metadata,
        work: Work::Drafts(drafts),
        rows,
        succeeded: run.acts_run + run.acts_resumed,
        failures,
        traceparent: None,
    })
}

/// The rounds that this job has asked for before.
async fn asked_for(shop: &Shop, job: &ClaimedJob) -> Result<Vec<Need>, JobFailure> {
    if job.workflow.is_none() {
        return Ok(Vec::new());
    }
    let mut needs = needs_of(&shop.pool, job.lease.job)
        .await
        .map_err(|error| JobFailure::retry(&error))?;
    needs.retain(|need| need.is_child);
    Ok(needs)
}

fn ask_for_rounds(narrative: &Narrative, args: &NarrativeArgs, rounds: u32) -> Result<Outcome, JobFailure> {
    let args: Result<Vec<Value>, _> = (1..=rounds)
        .map(|round| {
            serde_json::to_value(NarrativeArgs {
                iterations: NonZeroU32::new(rounds),
                round: NonZeroU32::new(round),
                ..args.clone()
            })
        })
        .collect();
    Ok(Outcome {
        metadata: json!({ "narrative": narrative.name(), "rounds": rounds }),
        work: Work::Rounds(Rounds {
            args: args.map_err(|error| JobFailure::discard(&error))?,
            one_by_one: !narrative.continues_on_error(),
        }),
        rows: Vec::new(),
        succeeded: 0,
        failures: Vec::new(),
        traceparent: None,
    })
}

/// What came of the rounds. Each has stored its posts itself. One that was cancelled is no failure: a person wanted it so, or
/// a round before it failed, which is one.
fn gathered(narrative: &str, rounds: &[Need]) -> Outcome {
    let ended = |round: &Need, outcome: &str| round.outcome.as_deref() == Some(outcome);
    let count = |outcome: &str| rounds.iter().filter(|round| ended(round, outcome)).count();
    let (completed, cancelled) = (count("completed"), count("cancelled"));
    let posts: Vec<&Value> = rounds
        .iter()
        .filter_map(|round| round.result.as_ref()?.get("potential_posts")?.as_array())
        .flatten()
        .collect();
    let failed = |round: &&Need| !ended(round, "completed") && !ended(round, "cancelled");
    let failures = rounds.iter().filter(failed).map(|round| {
        let outcome = round.outcome.as_deref().unwrap_or("never ended");
        let reason = round.reason.as_deref().unwrap_or("nothing is known of why");
        format!("{} (job {}) was {outcome}: {reason}", round.name, round.id)
    });
    let failures: Vec<String> = failures.collect();
    Outcome {
        metadata: json!({
            "narrative": narrative,
            "rounds": rounds.len(),
            "rounds_completed": completed,
            "rounds_cancelled": cancelled,
            "potential_posts": posts,
        }),
        work: if completed == 0 { Work::Wasted } else { Work::Gathered },
        rows: Vec::new(),
        // Their acts are counted where they were played.
        succeeded: 0,
        failures,
        traceparent: None,
    }
}

/// Makes posts of the outputs that are meant to be posts, and says which of them are blank.
fn drafts(outputs: &[Output]) -> Result<(Vec<Draft>, Vec<String>), JobFailure> {
    let is_post = |output: &&Output| output.target.as_ref().is_some_and(is_of_posts);
    if outputs.iter().all(|output| output.target.is_none()) && !outputs.is_empty() {
        return Err(JobFailure::Discard(format!(
            "no output of the narrative is meant to be a post; write `target = \"{}\"` in it",
            POSTS[0]
        )));
    }
    let (mut drafts, mut blanks) = (Vec::new(), Vec::new());
    for output in outputs.iter().filter(is_post) {
        // Upstream's narratives may answer with several posts at once.
        let posts: Vec<Option<&Value>> = match &output.json {
            Some(Value::Array(posts)) => posts.iter().map(Some).collect(),
            json => vec![json.as_ref()],
        };
        let made = posts.into_iter().map(|json| draft(output, json));
        let made: Vec<Draft> = made.flatten().collect();
        if made.is_empty() {
            blanks.push(format!(
                "narrative `{}` gave no text to post: its last act must answer with text, or with a JSON object that has `text_content` or `body`",
                output.narrative
            ));
        }
        drafts.extend(made);
    }
    if drafts.is_empty() && !blanks.is_empty() {
        return Err(JobFailure::Discard(blanks.join("; ")));
    }
    Ok((drafts, blanks))
}

/// Makes a post of a narrative's output: free text as it is, or a JSON object with `text_content` (upstream's name), or
/// with `body` and, optionally, `title` and `tags`. `None` when that is blank.
fn draft(output: &Output, json: Option<&Value>) -> Option<Draft> {
    let field = |name: &str| {
        json.and_then(|json| json.get(name))
            .and_then(Value::as_str)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    };
    let title = field("title").map(str::to_owned);
    let text = match (
        json,
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
        return None;
    }
    let tags = json.and_then(|json| json.get("tags")).and_then(Value::as_array);
    Some(Draft {
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
        output: json.cloned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(text: &str) -> Output {
        Output {
            narrative: "tip".to_owned(),
            iteration: 1,
            version: String::new(),
            act: "draft".to_owned(),
            step: "1/draft".to_owned(),
            schema: None,
            target: Some(botticelli_narrative::Target {
                table: POSTS[0].to_owned(),
                template: None,
            }),
            provider: None,
            prompt_hash: None,
            text: text.to_owned(),
            json: None,
            model: None,
        }
    }

    #[test]
    fn a_blank_output_is_a_failure_beside_the_posts_of_the_others() {
        let drafted = drafts(&[output("A post."), output(" \n"), output("Another.")]);
        let Ok((drafts, failures)) = drafted else {
            panic!("two of them are posts");
        };
        let texts: Vec<&str> = drafts.iter().map(|draft| draft.text.as_str()).collect();
        assert_eq!(texts, ["A post.", "Another."]);
        assert_eq!(failures.len(), 1);
        assert!(failures[0].contains("`tip`"), "{failures:?}");
    }

    #[test]
    fn outputs_that_are_all_blank_are_no_work_at_all() {
        assert!(matches!(drafts(&[output("")]), Err(JobFailure::Discard(_))));
    }
}
