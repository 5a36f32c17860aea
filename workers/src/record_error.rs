//! Why the end of a run was not recorded.

use std::error::Error;

use botticelli_queue::QueueError;

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// The job is somebody else's now; there is nothing left to do.
    #[error(transparent)]
    LeaseLost(QueueError),
    /// The database did not answer, or could not go on just then; trying again is right.
    #[error("the end of a run could not be recorded")]
    Database(#[source] Box<dyn Error + Send + Sync>),
    /// The database refused what was to be written and always will.
    #[error("the end of a run can never be recorded as it is")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
}

impl RecordError {
    fn of(error: impl Error + Send + Sync + 'static) -> Self {
        if is_permanent(&error) {
            Self::Refused(Box::new(error))
        } else {
            Self::Database(Box::new(error))
        }
    }
}

/// Whether writing the same again must fail again: the data are wrong (SQLSTATE class 22), against a constraint (23), for
/// a row that is gone, not for this schema (42), or too much (54).
pub(crate) fn is_permanent(error: &(dyn Error + 'static)) -> bool {
    if let Some(QueueError::Invalid(_)) = error.downcast_ref() {
        return true;
    }
    match error.downcast_ref::<sqlx::Error>() {
        Some(sqlx::Error::Database(refusal)) => refusal
            .code()
            .is_some_and(|code| ["22", "23", "42", "54"].iter().any(|class| code.starts_with(class))),
        Some(sqlx::Error::RowNotFound | sqlx::Error::Encode(_)) => true,
        _ => error.source().is_some_and(is_permanent),
    }
}

impl From<QueueError> for RecordError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::LeaseLost(_) => Self::LeaseLost(error),
            other => Self::of(other),
        }
    }
}

impl From<botticelli_actors::ActorsError> for RecordError {
    fn from(error: botticelli_actors::ActorsError) -> Self {
        Self::of(error)
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
