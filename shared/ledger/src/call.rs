//! A call and the identities around it.

use std::fmt;

use serde::Serialize;

/// Identity of a call for as long as it is on record. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, sqlx::Type)]
#[sqlx(transparent)]
pub struct CallId(pub i64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One claim of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobAttempt {
    /// The job.
    pub job: i64,
    /// Which claim of it this is; grows with every claim.
    pub attempt: i32,
}

/// Who calls which model, and what for. A name of more than 400 bytes is kept as its beginning with a digest behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// The attempt that makes it; `None` outside of jobs.
    pub job: Option<JobAttempt>,
    /// The run that it is part of, by a name that stays when the run is resumed.
    pub run: String,
    /// For which actor.
    pub actor: String,
    /// The narrative.
    pub narrative: String,
    /// The act.
    pub act: String,
    /// The act's place in the run, as its checkpoint is named.
    pub step: String,
    /// The provider.
    pub provider: String,
    /// The name of the key, where a provider is called with several. Never the key.
    pub key_name: String,
    /// The model.
    pub model: String,
    /// A digest of the prompt.
    pub prompt_hash: String,
}

/// What has become of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallState {
    /// It may be under way.
    Reserved,
    /// It was answered.
    Settled,
    /// It ended without an answer that counts.
    Failed,
    /// It was never sent.
    Released,
    /// Nobody ended it in time: it counts with what it had reserved until somebody does.
    Lost,
}

impl CallState {
    /// As stored in `model_calls.state`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Settled => "settled",
            Self::Failed => "failed",
            Self::Released => "released",
            Self::Lost => "lost",
        }
    }

    /// Whether a call in this state can be ended.
    pub fn can_end(self) -> bool {
        matches!(self, Self::Reserved | Self::Lost)
    }

    pub(crate) fn stored_as(text: &str) -> Option<Self> {
        [Self::Reserved, Self::Settled, Self::Failed, Self::Released, Self::Lost]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}
