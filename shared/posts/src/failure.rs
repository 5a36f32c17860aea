//! Why posts could not be read or written.

/// The database refused or did not answer; nothing was written.
#[derive(Debug, thiserror::Error)]
#[error("posts could not be {action}")]
pub struct PostsError {
    action: &'static str,
    #[source]
    source: sqlx::Error,
}

impl PostsError {
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
