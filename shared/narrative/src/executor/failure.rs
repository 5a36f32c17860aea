//! Why a run ended early.

use std::{error::Error, time::Duration};

use botticelli_llm::{ErrorClass, LlmError};

use crate::{JsonPath, ports::PortError, template::TemplateError};

/// Why a run gave nothing back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The run lacks arguments that the narrative's texts need.
    #[error("narrative `{narrative}` needs the run arguments `{}`; pass them, or write `{{{{ args.KEY | default(\"…\") }}}}`", keys.join("`, `"))]
    MissingArguments {
        /// The narrative.
        narrative: String,
        /// The arguments.
        keys: Vec<String>,
    },
    /// The run asks for a number of repetitions out of range.
    #[error("narrative `{narrative}` cannot be repeated {iterations} times; ask for 1 to 1000")]
    Iterations {
        /// The narrative.
        narrative: String,
        /// What was asked for.
        iterations: u32,
    },
    /// The run asks for a repetition that there is not.
    #[error("narrative `{narrative}` has no round {round}; it is repeated {iterations} times")]
    Round {
        /// The narrative.
        narrative: String,
        /// What was asked for.
        round: u32,
        /// How often it is repeated.
        iterations: u32,
    },
    /// The state that the narrative's texts need could not be read.
    #[error("the state that narrative `{narrative}` needs could not be read")]
    State {
        /// The narrative.
        narrative: String,
        /// The reader's error.
        #[source]
        source: PortError,
    },
    /// An act failed.
    #[error("act {number} `{act}` of narrative `{narrative}` failed")]
    Act {
        /// The narrative.
        narrative: String,
        /// The act's place in the narrative, from 1.
        number: usize,
        /// The act.
        act: String,
        /// Why.
        #[source]
        failure: ActFailure,
    },
}

/// Why an act failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActFailure {
    /// No model gave an answer that can be used.
    #[error(transparent)]
    Model(#[from] LlmError),
    /// No configured model can be asked.
    #[error("{0}")]
    NoModel(String),
    /// A provider's rate limit is used up for now.
    #[error("{why}; the act waits for {after:?}")]
    Wait {
        /// Which limit.
        why: String,
        /// For how long.
        after: Duration,
    },
    /// A budget is used up.
    #[error("{why}")]
    Exhausted {
        /// Which budget.
        why: String,
        /// How long until it is open again; `None` when it never is by itself.
        after: Option<Duration>,
    },
    /// What a call may use up could not be set aside, or what it used could not be recorded.
    #[error("no account could be kept of a call, so it is not made")]
    Ledger(#[source] PortError),
    /// A text could not be filled in.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The texts and tables came out blank, so there is nothing to ask.
    #[error("the prompt is blank; check the arguments and replies that it consists of")]
    BlankPrompt,
    /// There is no table that the act needs.
    #[error(
        "there is no table `{table}`; it comes about when a narrative with that `target` stores its first rows; write `required = false` \
         where that may be later"
    )]
    NoTable {
        /// The table.
        table: String,
    },
    /// A table that the act needs has no row to offer.
    #[error("table `{table}` has no matching row; write `required = false` where that is fine")]
    NoRows {
        /// The table.
        table: String,
    },
    /// A table could not be read.
    #[error("table `{table}` could not be read")]
    Table {
        /// The table.
        table: String,
        /// The reader's error.
        #[source]
        source: PortError,
    },
    /// A command that the act needs failed.
    #[error("command `{command}` failed; write `required = false` where that is fine")]
    Command {
        /// The command.
        command: String,
        /// The runner's error.
        #[source]
        source: PortError,
    },
    /// A picture, sound, film or document could not be fetched.
    #[error("`{url}` could not be fetched")]
    Media {
        /// Where from.
        url: String,
        /// The fetcher's error.
        #[source]
        source: PortError,
    },
    /// A part of the reply that is to be kept in the state is not there.
    #[error("the reply has no `{path}`, which `state_capture` wants to keep as `{key}`")]
    NoCapture {
        /// The key.
        key: String,
        /// The path.
        path: JsonPath,
    },
    /// The record of the act could not be loaded or saved.
    #[error("checkpoint `{step}` could not be loaded or saved")]
    Checkpoint {
        /// The step's key.
        step: String,
        /// The store's error.
        #[source]
        source: PortError,
    },
}

impl RunError {
    /// The failed act's reason, unless the run never started.
    pub fn failure(&self) -> Option<&ActFailure> {
        match self {
            Self::Act { failure, .. } => Some(failure),
            Self::MissingArguments { .. } | Self::Iterations { .. } | Self::Round { .. } | Self::State { .. } => None,
        }
    }

    /// The model's error, if that is what ended the run.
    pub fn llm_error(&self) -> Option<&LlmError> {
        match self.failure() {
            Some(ActFailure::Model(error)) => Some(error),
            _ => None,
        }
    }

    /// Whether another repetition may fare better. A port that fails does so for the whole run, and so do limits.
    pub(super) fn is_of_one_repetition(&self) -> bool {
        match self.failure() {
            None
            | Some(
                ActFailure::Table { .. }
                | ActFailure::Checkpoint { .. }
                | ActFailure::Ledger(_)
                | ActFailure::Wait { .. }
                | ActFailure::Exhausted { .. }
                | ActFailure::NoModel(_),
            ) => false,
            // All repetitions would run into it, and each would be counted as failed for good.
            Some(ActFailure::Model(error)) => error.class != ErrorClass::RateLimited,
            Some(
                ActFailure::Template(_)
                | ActFailure::BlankPrompt
                | ActFailure::NoTable { .. }
                | ActFailure::NoRows { .. }
                | ActFailure::Command { .. }
                | ActFailure::Media { .. }
                | ActFailure::NoCapture { .. },
            ) => true,
        }
    }

    /// Whether it is only to be waited for.
    pub(super) fn is_wait(&self) -> bool {
        match self.failure() {
            Some(ActFailure::Wait { .. } | ActFailure::Exhausted { after: Some(_), .. }) => true,
            Some(ActFailure::Model(error)) => error.class == ErrorClass::RateLimited,
            _ => false,
        }
    }

    /// The error and its causes in one line.
    pub(super) fn chain(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }
}
