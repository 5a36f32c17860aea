//! Why the records of actors could not be read or written.

/// The database refused or did not answer; nothing was written.
#[derive(Debug, thiserror::Error)]
#[error("the records of actors could not be {action}")]
pub struct ActorsError {
    action: &'static str,
    #[source]
    source: sqlx::Error,
}

impl ActorsError {
    pub(crate) fn reading(source: sqlx::Error) -> Self {
        Self { action: "read", source }
    }

    pub(crate) fn writing(source: sqlx::Error) -> Self {
        Self {
            action: "written",
            source,
        }
    }
}
