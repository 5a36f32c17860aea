//! What became of a run.

/// What was recorded, for metrics and the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// How the execution ended.
    pub outcome: botticelli_actors::Outcome,
    /// What went wrong, or why it was skipped.
    pub message: Option<String>,
    /// Acts or posts that worked.
    pub succeeded: u32,
    /// Acts or posts that did not.
    pub failed: u32,
    /// Set when this failure opened the actor's breaker.
    pub breaker_tripped: bool,
    /// Failures since the last success, where they changed.
    pub consecutive_failures: Option<i32>,
}

impl Recorded {
    /// A run that came to nothing, before the breaker has been told.
    pub(super) fn failure(message: String) -> Self {
        Self {
            outcome: botticelli_actors::Outcome::Failure,
            message: Some(message),
            succeeded: 0,
            failed: 1,
            breaker_tripped: false,
            consecutive_failures: None,
        }
    }
}
