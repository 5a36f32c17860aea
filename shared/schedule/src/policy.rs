//! What becomes of ticks that come at a bad time.

use serde::{Deserialize, Serialize};

/// What becomes of ticks that were due while no scheduler ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// They are missed, but for one that is at most a minute ago.
    None,
    /// The latest runs.
    #[default]
    Latest,
    /// All run.
    All,
}

/// What becomes of a tick while the job of the one before waits or runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is skipped.
    #[default]
    Skip,
    /// One waits for that job's end; those after it are skipped.
    BufferOne,
    /// It runs beside it.
    Allow,
    /// That job is cancelled.
    CancelOther,
}

impl CatchUp {
    const ALL: [Self; 3] = [Self::None, Self::Latest, Self::All];

    /// As written in settings and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Latest => "latest",
            Self::All => "all",
        }
    }

    /// What [`as_str`](Self::as_str) writes so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == name)
    }
}

impl Overlap {
    const ALL: [Self; 4] = [Self::Skip, Self::BufferOne, Self::Allow, Self::CancelOther];

    /// As written in settings and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::BufferOne => "buffer_one",
            Self::Allow => "allow",
            Self::CancelOther => "cancel_other",
        }
    }

    /// What [`as_str`](Self::as_str) writes so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == name)
    }
}
