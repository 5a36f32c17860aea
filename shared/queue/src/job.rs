//! A job and the identities around it.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::WorkflowId;

/// Identity of a job for all its life: while it waits, while it runs and in the history. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct JobId(pub i64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identity of one worker process for as long as its lease holds; a process that lost its lease takes a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct WorkerId(pub Uuid);

impl WorkerId {
    /// A fresh, random identity.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identity of one row in `claims`: some jobs that were claimed together. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct ClaimId(pub i64);

/// The fencing token of a running job: a write that carries an old one changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// Which claim of it this is, counted from 1; grows with every claim.
    pub attempt: i32,
    /// Who claimed it.
    pub worker: WorkerId,
    /// The claim that holds it.
    pub claim: ClaimId,
    /// Where in the claim, from 0.
    pub place: u16,
    /// How many jobs were claimed together.
    pub claim_size: u16,
}

/// Who asked for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A tick of the actor's schedule.
    Schedule,
    /// Another actor's output.
    After,
    /// A job that waits for it.
    Workflow,
    /// A person or program, by SQL.
    Sql,
    /// A person, by the command line.
    Cli,
}

impl Source {
    /// As stored in `jobs.source`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::After => "after",
            Self::Workflow => "workflow",
            Self::Sql => "sql",
            Self::Cli => "cli",
        }
    }
}

/// A job that this process holds under its lease.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// What to show to the queue with every write.
    pub lease: Lease,
    /// The queue, which is the actor's name.
    pub queue: Arc<str>,
    /// The actor's kind when the job was enqueued.
    pub kind: String,
    /// The form of its arguments, from 1.
    pub version: i16,
    /// The arguments as stored, in JSON. The handler reads them: what PostgreSQL takes for JSON can be more than a reader
    /// bears (`1e400`, deep nesting), and that must cost this job only, not the claim.
    pub args: String,
    /// Tries so far, this one included, without the interrupted ones.
    pub tries: i32,
    /// Tries allowed.
    pub max_attempts: i32,
    /// As stored in `jobs.source`.
    pub source: String,
    /// The W3C trace context of whoever enqueued it.
    pub traceparent: Option<String>,
    /// When it became due.
    pub run_at: DateTime<Utc>,
    /// When it was claimed, by the database's clock.
    pub claimed_at: DateTime<Utc>,
    /// Whether a worker was lost while it ran this job: it may be what took the worker down.
    pub is_suspect: bool,
    /// The workflow that it is part of.
    pub workflow: Option<WorkflowId>,
}

impl ClaimedJob {
    /// Whether a failure of this try is final.
    pub fn is_last_try(&self) -> bool {
        self.tries >= self.max_attempts
    }
}

/// Why the queue could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The job is no longer held under this lease: it was rescued, settled or taken over. Nothing was written.
    #[error("job {} attempt {} is no longer leased by worker {}; its result was not recorded", .0.job, .0.attempt, .0.worker)]
    LeaseLost(Lease),
    /// The caller's request is wrong; the text is the database function's and says what is right.
    #[error("{0}")]
    Invalid(String),
    /// The database refused or did not answer; nothing was written.
    #[error("the queue could not {action}")]
    Database {
        /// What was attempted.
        action: &'static str,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
}

impl QueueError {
    /// Wraps a driver error, for use with `map_err`.
    pub(crate) fn while_doing(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { action, source }
    }
}
