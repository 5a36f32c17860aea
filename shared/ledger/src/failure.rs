//! Why the ledger could not do what it was asked.

use std::sync::Arc;

use botticelli_database::Refusal;

use crate::CallId;

/// Nothing was written.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// What was given makes no sense: why, and the way out.
    #[error("{0}")]
    Invalid(String),
    /// There is no such call, or it was pruned.
    #[error("call {0} of a language model is not on record; it was never reserved, or has been pruned since")]
    Unknown(CallId),
    /// The database did not answer in time, or the process is about to end.
    #[error("the call of a language model was not reserved: the database did not answer, or the process is ending")]
    NoAnswer,
    /// The database refused or did not answer.
    #[error("the ledger could not {action}")]
    Database {
        /// What was attempted.
        action: &'static str,
        /// What the driver said.
        #[source]
        source: Arc<sqlx::Error>,
    },
}

impl LedgerError {
    /// Wraps a driver error, for use with `map_err`. What is wrong with the input (SQLSTATE class 22: an unknown time zone, a sum that
    /// no number holds) is told apart from a failing database.
    pub(crate) fn while_doing(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| match Refusal::of(&source) {
            Some(refusal) if refusal.code.starts_with("22") => {
                Self::Invalid(format!("the ledger could not {action}: {}", refusal.text))
            }
            _ => Self::Database {
                action,
                source: Arc::new(source),
            },
        }
    }
}
