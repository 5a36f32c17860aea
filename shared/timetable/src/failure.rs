//! Why schedules could not be read or written.

use botticelli_database::Refusal;

/// Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TimetableError {
    /// Schedules or their ticks could not be read or written.
    #[error("the schedules could not be read or written")]
    Database(#[from] sqlx::Error),
    /// It may not be: why, and the way out.
    #[error("{0}")]
    Refused(String),
}

impl TimetableError {
    /// Tells a refusal of the SQL contract from a failing database.
    pub(crate) fn refused(error: sqlx::Error) -> Self {
        match Refusal::of(&error) {
            // Class 22: what was given is wrong.
            Some(refusal) if refusal.code.starts_with("22") => Self::Refused(refusal.text),
            _ => Self::Database(error),
        }
    }
}
