//! Looking at single jobs and at how the queues stand, for people.

use botticelli_database::{sessionless, sql};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use crate::{JobId, QueueError, json_text::as_json};

/// Everything that is known of a job.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize)]
pub struct JobDetails {
    /// The job.
    pub id: i64,
    /// Its queue.
    pub queue: String,
    /// The actor's kind when the job was enqueued.
    pub kind: String,
    /// `available`, `scheduled`, `retryable`, `pending`, `running`, `completed`, `discarded`, `cancelled` or `expired`.
    pub state: String,
    /// Why it was given up, or who wants a running one to end.
    pub reason: Option<String>,
    /// Its arguments, in JSON.
    #[serde(serialize_with = "as_json")]
    pub args: String,
    /// Higher runs first.
    pub priority: i16,
    /// When it is or was due.
    pub run_at: DateTime<Utc>,
    /// How often it was claimed.
    pub attempt: i32,
    /// Claims that do not count against the maximum.
    pub interruptions: i32,
    /// Tries allowed.
    pub max_attempts: i32,
    /// Who runs it, or completed it.
    pub worker_id: Option<Uuid>,
    /// That worker's host and process id, as long as it is remembered.
    pub worker_name: Option<String>,
    /// When it was enqueued.
    pub enqueued_at: DateTime<Utc>,
    /// When its last attempt began, as far as is known.
    pub attempted_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Who asked.
    pub source: String,
    /// The W3C trace context of whoever enqueued it.
    pub traceparent: Option<String>,
    /// Not to be started after this.
    pub not_after: Option<DateTime<Utc>>,
    /// The key it is unique by.
    pub unique_key: Option<String>,
    /// What it is limited by beside its queue; empty for a job without a key where keys take turns.
    pub limit_key: Option<String>,
    /// The errors of its tries, in JSON.
    #[serde(serialize_with = "as_json")]
    pub errors: String,
    /// The form of its arguments.
    pub version: i16,
    /// The workflow that it is part of.
    pub workflow: Option<i64>,
    /// How much of it is done, as it told.
    pub done: Option<i64>,
    /// Of how much.
    pub total: Option<i64>,
    /// The same in words.
    pub note: Option<String>,
    /// When it told.
    pub progress_at: Option<DateTime<Utc>>,
    /// What came of it.
    pub result: Option<Value>,
}

/// One claim of a job.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize)]
pub struct Try {
    /// Which, counted from 1.
    pub attempt: i32,
    /// Who claimed it.
    pub worker_id: Option<Uuid>,
    /// When.
    pub claimed_at: DateTime<Utc>,
    /// `completed`, `retried`, `snoozed`, `awaiting`, `handed_back`, `lost`, `discarded` or `cancelled`; `None` while it runs.
    pub outcome: Option<String>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A job that waits or runs.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize)]
pub struct UnfinishedJob {
    /// The job.
    pub id: i64,
    /// Its queue.
    pub queue: String,
    /// `available`, `scheduled`, `retryable`, `pending` or `running`.
    pub state: String,
    /// Higher runs first.
    pub priority: i16,
    /// When it is due.
    pub run_at: DateTime<Utc>,
    /// How often it was claimed.
    pub attempt: i32,
    /// When it was enqueued.
    pub enqueued_at: DateTime<Utc>,
    /// Who runs it.
    pub worker_name: Option<String>,
}

/// How a queue stands.
#[derive(Debug, Clone, PartialEq, FromRow, Serialize)]
pub struct QueueStanding {
    /// The queue.
    pub queue: String,
    /// Whether nothing of it is claimed.
    pub is_paused: bool,
    /// Jobs that are due and wait.
    pub ready: i64,
    /// Jobs that wait for their time.
    pub later: i64,
    /// Jobs that wait for other jobs.
    pub pending: i64,
    /// Jobs that run.
    pub running: i64,
    /// For how many seconds the oldest one has been due.
    pub oldest_ready_seconds: Option<f64>,
    /// Jobs completed in the last hour.
    pub completed_last_hour: i64,
    /// Jobs that were given up and are still kept.
    pub dead: i64,
}

/// A job, wherever it is; `None` when it is unknown, or its history is pruned.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn find_job(pool: &PgPool, job: JobId) -> Result<Option<JobDetails>, QueueError> {
    sqlx::query_as(sql(
        "select id, queue, kind, state, reason, args::text as args, priority, run_at, attempt, interruptions, max_attempts,
                worker_id, worker_name, enqueued_at, attempted_at, finished_at, source, traceparent, not_after, unique_key, limit_key,
                errors::text as errors, version, workflow, done, total, note, progress_at, result
         from botticelli.job($1)",
    ))
    .bind(job)
    .fetch_optional(sessionless(pool))
    .await
    .map_err(QueueError::while_doing("look for a job"))
}

/// The claims of a job that are still known, the first one first.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn tries(pool: &PgPool, job: JobId) -> Result<Vec<Try>, QueueError> {
    sqlx::query_as(sql(
        "select attempt, worker_id, claimed_at, outcome, ended_at from botticelli.tries($1)",
    ))
    .bind(job)
    .fetch_all(sessionless(pool))
    .await
    .map_err(QueueError::while_doing("look for a job's tries"))
}

/// Up to `at_most` jobs that run or wait: first those that run, then the others by id. `None` lets every queue and state pass.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn list_unfinished(
    pool: &PgPool,
    queue: Option<&str>,
    state: Option<&str>,
    at_most: u32,
) -> Result<Vec<UnfinishedJob>, QueueError> {
    sqlx::query_as(sql(include_str!("sql/list_unfinished.sql")))
        .bind(queue)
        .bind(state)
        .bind(i64::from(at_most))
        .fetch_all(sessionless(pool))
        .await
        .map_err(QueueError::while_doing("list jobs"))
}

/// How each queue stands, by name.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn standing(pool: &PgPool) -> Result<Vec<QueueStanding>, QueueError> {
    sqlx::query_as(sql(
        "select queue, is_paused, ready, later, pending, running, extract(epoch from oldest_ready_age)::float8 as oldest_ready_seconds,
                (select coalesce(sum(completed), 0)::bigint from botticelli.queue_throughput done
                 where done.queue = depth.queue) as completed_last_hour,
                (select count(*) from botticelli.dead_jobs dead where dead.queue = depth.queue) as dead
         from botticelli.queue_depth depth order by queue",
    ))
    .fetch_all(sessionless(pool))
    .await
    .map_err(QueueError::while_doing("see how the queues stand"))
}
