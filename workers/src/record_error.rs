//! Why something about a job was not recorded.

use std::{error::Error, sync::Arc};

use botticelli_queue::{Lease, QueueError};

/// Why nothing was recorded.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum RecordError {
    /// The job is somebody else's now; there is nothing left to do.
    #[error("{}", QueueError::LeaseLost(*.0))]
    LeaseLost(Lease),
    /// The database did not answer, or could not go on just then; trying again may be right.
    #[error("it could not be recorded")]
    Database(#[source] Arc<dyn Error + Send + Sync>),
    /// The database refused what was to be written and always will.
    #[error("it can never be recorded as it is")]
    Refused(#[source] Arc<dyn Error + Send + Sync>),
}

/// The database did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("the database did not answer in time")]
struct NoAnswer;

impl RecordError {
    /// Whether nothing at all can be recorded just now, so that there is no use in trying one entry of a group by itself: the server
    /// cannot be reached, goes down, or has no room (SQLSTATE classes 08, 53, 57P and 58).
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self, Self::Database(error) if is_outage(&**error))
    }

    /// Nobody knows whether it was recorded.
    pub(crate) fn no_answer() -> Self {
        Self::Database(Arc::new(NoAnswer))
    }

    fn of(error: impl Error + Send + Sync + 'static) -> Self {
        if is_permanent(&error) {
            Self::Refused(Arc::new(error))
        } else {
            Self::Database(Arc::new(error))
        }
    }
}

/// Whether writing the same again must fail again: the data are wrong (SQLSTATE class 22), against a constraint (23), for
/// a row that is gone, not for this schema (42), or too much (54).
fn is_permanent(error: &(dyn Error + 'static)) -> bool {
    if let Some(QueueError::Invalid(_)) = error.downcast_ref() {
        return true;
    }
    match driver_error(error) {
        Some(sqlx::Error::Database(refusal)) => refusal
            .code()
            .is_some_and(|code| ["22", "23", "42", "54"].iter().any(|class| code.starts_with(class))),
        Some(sqlx::Error::RowNotFound | sqlx::Error::Encode(_)) => true,
        _ => error.source().is_some_and(is_permanent),
    }
}

fn is_outage(error: &(dyn Error + 'static)) -> bool {
    match driver_error(error) {
        Some(sqlx::Error::Database(refusal)) => refusal
            .code()
            .is_some_and(|code| ["08", "53", "57P", "58"].iter().any(|class| code.starts_with(class))),
        Some(_) => true,
        None => error.source().is_some_and(is_outage),
    }
}

fn driver_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a sqlx::Error> {
    let shared = error.downcast_ref::<Arc<sqlx::Error>>().map(AsRef::as_ref);
    shared.or_else(|| error.downcast_ref())
}

impl From<QueueError> for RecordError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::LeaseLost(lease) => Self::LeaseLost(lease),
            other => Self::of(other),
        }
    }
}

impl From<botticelli_actors::ActorsError> for RecordError {
    fn from(error: botticelli_actors::ActorsError) -> Self {
        Self::of(error)
    }
}

impl From<botticelli_content::StateError> for RecordError {
    fn from(error: botticelli_content::StateError) -> Self {
        match error {
            botticelli_content::StateError::Database { .. } => Self::of(error),
            _ => Self::Refused(Arc::new(error)),
        }
    }
}

impl From<botticelli_ledger::LedgerError> for RecordError {
    fn from(error: botticelli_ledger::LedgerError) -> Self {
        match error {
            botticelli_ledger::LedgerError::Database { .. } => Self::of(error),
            _ => Self::Refused(Arc::new(error)),
        }
    }
}

impl From<botticelli_content::StoreError> for RecordError {
    fn from(error: botticelli_content::StoreError) -> Self {
        Self::of(error)
    }
}

impl From<botticelli_content::ReadError> for RecordError {
    fn from(error: botticelli_content::ReadError) -> Self {
        Self::of(error)
    }
}

impl From<botticelli_posts::PostsError> for RecordError {
    fn from(error: botticelli_posts::PostsError) -> Self {
        Self::of(error)
    }
}

impl From<sqlx::Error> for RecordError {
    fn from(error: sqlx::Error) -> Self {
        Self::of(error)
    }
}
