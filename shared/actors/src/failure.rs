//! Why the records of actors could not be read or written.

/// Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActorsError {
    /// It may not be now: why, and the way out.
    #[error("{0}")]
    Refused(String),
    /// The database refused or did not answer.
    #[error("the records of actors could not be {action}")]
    Database {
        /// `read` or `written`.
        action: &'static str,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
}

impl ActorsError {
    pub(crate) fn reading(source: sqlx::Error) -> Self {
        Self::Database { action: "read", source }
    }

    pub(crate) fn writing(source: sqlx::Error) -> Self {
        Self::Database {
            action: "written",
            source,
        }
    }
}
