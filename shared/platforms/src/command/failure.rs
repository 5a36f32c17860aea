//! Why a command was not carried out, by what the caller may do about it.

use std::time::Duration;

use serde_json::Value;

use super::{ArgProblem, CommandSpec, Effect, Repeat};
use crate::{Rejection, SendError};

/// Why [`crate::CommandRunner::run`] has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// Nothing was sent: the arguments do not fit the command.
    #[error("`{command}`: {}", joined(problems))]
    Arguments {
        /// Which.
        command: &'static str,
        /// What is wrong, one at least.
        problems: Vec<ArgProblem>,
    },

    /// Nothing was done. Trying again is safe, now or after the wait.
    #[error("`{command}` was not carried out{}: {detail}", after(*retry_after))]
    NotDone {
        /// Which.
        command: &'static str,
        /// How long the platform asks to wait, if it does.
        retry_after: Option<Duration>,
        /// What happened.
        detail: String,
    },

    /// Nothing was done, and the same call will be refused again.
    #[error("`{command}` is refused{}: {}: {detail}", in_parentheses(*code), way_out(*class, *code, *permission))]
    Refused {
        /// Which.
        command: &'static str,
        /// What has to change first.
        class: Rejection,
        /// The platform's own number for it, if it gave one.
        code: Option<i64>,
        /// The permission that the command needs, if it needs one.
        permission: Option<&'static str>,
        /// The platform's words.
        detail: String,
    },

    /// It may have been carried out or not. Whether it may be repeated, [`crate::CommandCall::is_repeatable`] says.
    #[error("`{command}` may have been carried out or not: {detail}")]
    Unknown {
        /// Which.
        command: &'static str,
        /// What happened.
        detail: String,
    },

    /// A part was carried out and stands.
    #[error("a part of `{command}` was carried out ({done}), then: {source}")]
    Partly {
        /// Which.
        command: &'static str,
        /// What was done, in the form of the answer.
        done: Value,
        /// What ended it.
        source: Box<CommandError>,
    },
}

impl CommandError {
    /// What an attempt that failed means for `command`.
    pub(crate) fn of(command: &CommandSpec, error: SendError) -> Self {
        let name = command.name;
        match error {
            SendError::NotSent { retry_after, detail } => Self::NotDone {
                command: name,
                retry_after,
                detail,
            },
            // Whoever only looks has changed nothing.
            SendError::Ambiguous { detail } if command.effect == Effect::Read => Self::NotDone {
                command: name,
                retry_after: None,
                detail,
            },
            SendError::Ambiguous { detail } => Self::Unknown { command: name, detail },
            SendError::Rejected { class, code, detail } => {
                // Only who sends under a nonce can meet the traces of an earlier attempt.
                let is_removed = command.repeat == Repeat::WithNonce;
                let class = if class == Rejection::Removed && !is_removed {
                    Rejection::TargetGone
                } else {
                    class
                };
                let permission = command.permission;
                Self::Refused {
                    command: name,
                    class,
                    code,
                    permission,
                    detail,
                }
            }
        }
    }

    /// Whether something was or may have been changed.
    pub fn may_have_acted(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::Partly { .. })
    }

    /// How long the platform asks to wait, if waiting is what it takes.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NotDone { retry_after, .. } => *retry_after,
            Self::Partly { source, .. } => source.retry_after(),
            Self::Arguments { .. } | Self::Refused { .. } | Self::Unknown { .. } => None,
        }
    }
}

fn joined(problems: &[ArgProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn after(wait: Option<Duration>) -> String {
    wait.map(|wait| format!(", try again in {wait:?}")).unwrap_or_default()
}

fn in_parentheses(code: Option<i64>) -> String {
    code.map(|code| format!(" (code {code})")).unwrap_or_default()
}

/// Missing Access: the place cannot even be seen.
const NO_ACCESS: i64 = 50001;

fn way_out(class: Rejection, code: Option<i64>, permission: Option<&str>) -> String {
    let fixed = match class {
        Rejection::Permission => {
            let needed = permission.map(|permission| format!("`{permission}`"));
            return match (code, needed) {
                (Some(NO_ACCESS), Some(needed)) => {
                    format!("the bot has no access; it must be in the server, see the channel and have {needed}")
                }
                (Some(NO_ACCESS), None) => {
                    "the bot has no access; it must be in the server and see the channel".to_owned()
                }
                (_, Some(needed)) => format!("the bot lacks a permission; grant it {needed} there"),
                (_, None) => "the bot lacks a permission there".to_owned(),
            };
        }
        Rejection::TargetGone => "what it names does not exist; correct the ids",
        Rejection::Auth => "the credential is refused; renew the token",
        Rejection::Content => "the platform does not take an argument",
        Rejection::Settings => "it does not fit the place; look at the kind of the channel",
        Rejection::RateBan => "the platform blocks this address; wait before any further call",
        Rejection::Removed => "it was carried out and its message deleted since",
        Rejection::Unknown => "the platform says",
    };
    fixed.to_owned()
}
