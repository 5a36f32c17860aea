//! What a handler can answer: values only, recorded in one transaction by the completer.

use std::{error::Error, fmt::Write as _, time::Duration};

use botticelli_llm::ErrorClass;
use botticelli_narrative::{ActFailure, RunError};
use botticelli_posts::{Draft, Verdict};
use serde_json::Value;

use crate::{handlers::TargetRows, ports::rest_after};

/// A run that came to its end.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What is to be stored with the job's completion.
    pub work: Work,
    /// Rows of tables of narratives, to be stored with it.
    pub rows: Vec<TargetRows>,
    /// Acts (or posts, for posting) that worked.
    pub succeeded: u32,
    /// What did not, one sentence each. The run counts as a failure when there is one, but it is not repeated.
    pub failures: Vec<String>,
    /// What else is worth keeping with the execution.
    pub metadata: Value,
    /// The trace this ran in, for whoever goes on from here.
    pub traceparent: Option<String>,
}

/// What a run produced.
#[derive(Debug)]
pub(crate) enum Work {
    /// Potential posts, to be stored.
    Drafts(Vec<Draft>),
    /// Decisions on the posts in hand.
    Verdicts(Vec<Verdict>),
    /// Everything is stored already: published messages, or a narrative's output in the metadata.
    Stored,
    /// Jobs of the same actor, whose ends the job is to wait for.
    Rounds(Rounds),
    /// The jobs that it waited for have stored everything, called for whoever goes on, and told the breaker.
    Gathered,
    /// The same, and none of them came to anything, because they failed or were cancelled: so does the job, and it can be
    /// redriven with them.
    Wasted,
    /// Nothing, and why.
    Nothing(String),
}

/// The rounds of a carousel, each a job.
#[derive(Debug)]
pub(crate) struct Rounds {
    /// The arguments of each, in their order.
    pub args: Vec<Value>,
    /// Whether a round is only played when the one before it was.
    pub one_by_one: bool,
}

impl Outcome {
    /// A run that had nothing to do, or reason not to.
    pub(crate) fn skipped(reason: impl Into<String>) -> Self {
        Self {
            work: Work::Nothing(reason.into()),
            rows: Vec::new(),
            succeeded: 0,
            failures: Vec::new(),
            metadata: Value::Object(serde_json::Map::new()),
            traceparent: None,
        }
    }
}

/// A run that did not come to its end. Each variant is a decision about the job.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobFailure {
    /// The same job may succeed later.
    #[error("{error}")]
    Retry {
        /// What went wrong, the causes included.
        error: String,
        /// How long the other side asked us to wait; otherwise the queue's back-off decides.
        after: Option<Duration>,
    },
    /// The job can never succeed as it is.
    #[error("{0}")]
    Discard(String),
    /// The process is stopping or has lost its lease, and the job goes on elsewhere; or it was cancelled.
    #[error("the run was interrupted")]
    Interrupted,
    /// Only a newer program can run it, so it waits for one.
    #[error("{0}")]
    TooNew(String),
    /// A limit of a provider or a budget is used up for now, which is no fault of the job's.
    #[error("{reason}")]
    Wait {
        /// Which limit.
        reason: String,
        /// How long until it is open again; otherwise the queue's back-off decides when to look.
        after: Option<Duration>,
    },
}

impl JobFailure {
    /// A failure of something that may work later: the database, the network.
    pub(crate) fn retry(error: &(dyn Error + 'static)) -> Self {
        Self::Retry {
            error: chain(error),
            after: None,
        }
    }

    /// A failure that repeating cannot help.
    pub(crate) fn discard(error: &(dyn Error + 'static)) -> Self {
        Self::Discard(chain(error))
    }
}

/// A narrative that failed, and at what: a job with several posts goes on with the others when one of them is to blame.
#[derive(Debug)]
pub(crate) struct NarrativeFailure {
    /// What is to blame.
    pub blame: Blame,
    /// What it means for a job that is about this narrative alone.
    pub failure: JobFailure,
}

/// What a failed narrative is to blame on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The model will not speak about this content.
    Content,
    /// This answer; another one may be better.
    Answer,
    /// The provider, the database or the narrative: every other run would fail as well.
    Surroundings,
}

impl NarrativeFailure {
    /// What the model's provider said decides. A narrative that could not even begin never will.
    pub(crate) fn of(error: &RunError) -> Self {
        let retry = |after| JobFailure::Retry {
            error: chain(error),
            after,
        };
        let wait = |after| JobFailure::Wait {
            reason: chain(error),
            after,
        };
        let Some(said) = error.llm_error() else {
            let failure = match (error, error.failure()) {
                (_, Some(ActFailure::Wait { after, .. } | ActFailure::Exhausted { after: Some(after), .. })) => {
                    wait(Some(*after))
                }
                // The same replies and the same narrative would fail in the same way.
                (
                    _,
                    Some(
                        ActFailure::Exhausted { after: None, .. }
                        | ActFailure::NoModel(_)
                        | ActFailure::Template(_)
                        | ActFailure::BlankPrompt,
                    ),
                ) => JobFailure::discard(error),
                (_, Some(_)) | (RunError::State { .. }, None) => retry(None),
                (_, None) => JobFailure::discard(error),
            };
            return Self {
                blame: Blame::Surroundings,
                failure,
            };
        };
        let blame = match said.class {
            ErrorClass::Declined | ErrorClass::TooLong => Blame::Content,
            ErrorClass::Malformed | ErrorClass::Truncated => Blame::Answer,
            _ => Blame::Surroundings,
        };
        // A used-up quota that says when it comes back is worth waiting for.
        let comes_back = said.class == ErrorClass::QuotaExhausted && said.retry_after.is_some();
        let failure = if said.class == ErrorClass::RateLimited {
            // Before the rest is over the ledger would only let it wait once more.
            wait(rest_after(said))
        } else if said.class.is_transient() || comes_back {
            retry(said.retry_after)
        } else {
            JobFailure::discard(error)
        };
        Self { blame, failure }
    }
}

impl From<NarrativeFailure> for JobFailure {
    fn from(narrative: NarrativeFailure) -> Self {
        narrative.failure
    }
}

/// An error and its causes in one sentence.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let sentence = error.to_string();
        // Some errors repeat their cause's text in their own.
        if !text.ends_with(&sentence) {
            write!(text, ": {sentence}").ok();
        }
        cause = error.source();
    }
    text
}

/// A message as it may be stored: foreign text in it can hold characters that PostgreSQL refuses, or that would steer the
/// terminal of whoever reads it.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_whitespace() { ' ' } else { letter })
        .filter(|letter| !letter.is_control())
        .collect()
}
