//! Jobs that were given up: looking at them, giving them another chance, throwing them away.

use botticelli_database::{sessionless, sql};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{FromRow, PgPool};

use crate::{JobId, QueueError, json_text::as_json, refusal::refused};

/// A job that was given up.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize)]
pub struct DeadJob {
    /// The job.
    pub id: i64,
    /// Its queue.
    pub queue: String,
    /// The actor's kind when the job was enqueued.
    pub kind: String,
    /// `discarded`, `cancelled` or `expired`.
    pub state: String,
    /// Why.
    pub reason: String,
    /// The same for reasons that differ only in numbers and identifiers.
    pub fingerprint: String,
    /// How often it was claimed.
    pub attempt: i32,
    /// When it was enqueued.
    pub enqueued_at: DateTime<Utc>,
    /// When it was given up.
    pub finished_at: DateTime<Utc>,
    /// Its arguments, in JSON.
    #[serde(serialize_with = "as_json")]
    pub args: String,
    /// The errors of its tries, in JSON.
    #[serde(serialize_with = "as_json")]
    pub errors: String,
}

/// Dead jobs that died of the same.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize)]
pub struct DeadGroup {
    /// What their reasons have in common.
    pub fingerprint: String,
    /// `discarded`, `cancelled` or `expired`.
    pub state: String,
    /// How many there are.
    pub jobs: i64,
    /// The queues they were in.
    pub queues: Vec<String>,
    /// When the first was given up.
    pub first_at: DateTime<Utc>,
    /// When the last was.
    pub last_at: DateTime<Utc>,
    /// One of them.
    pub sample_job: i64,
    /// Its reason.
    pub sample_reason: String,
}

/// Which dead jobs to look at. What is `None` lets everything pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeadView<'a> {
    /// Those of this queue.
    pub queue: Option<&'a str>,
    /// Those that were `discarded`, `cancelled` or `expired`.
    pub state: Option<&'a str>,
    /// Those that were given up since then.
    pub since: Option<DateTime<Utc>>,
}

/// Which dead jobs to do something about. What is `None` lets everything pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeadFilter<'a> {
    /// Those of this queue.
    pub queue: Option<&'a str>,
    /// Those that died of this.
    pub fingerprint: Option<&'a str>,
    /// Those that were `discarded`, `cancelled` or `expired`.
    pub state: Option<&'a str>,
    /// Those that were given up before that.
    pub before: Option<DateTime<Utc>>,
}

/// What [`redrive_all`] has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow, Serialize)]
pub struct Redriven {
    /// Jobs that wait again.
    pub redriven: i64,
    /// Jobs that do not, because another job holds their key, or one that they wait for stays dead.
    pub skipped: i64,
}

/// Up to `at_most` dead jobs, the last first.
///
/// # Errors
///
/// [`QueueError::Invalid`] for an unknown state, [`QueueError::Database`] when the statement fails.
pub async fn list_dead(pool: &PgPool, view: DeadView<'_>, at_most: u32) -> Result<Vec<DeadJob>, QueueError> {
    sqlx::query_as(sql(
        "select id, queue, kind, state, reason, fingerprint, attempt, enqueued_at, finished_at, args::text as args,
                errors::text as errors
         from botticelli.list_dead($1, $2, $3, $4)",
    ))
    .bind(view.queue)
    .bind(view.state)
    .bind(view.since)
    .bind(i32::try_from(at_most).unwrap_or(i32::MAX))
    .fetch_all(sessionless(pool))
    .await
    .map_err(refused("list dead jobs"))
}

/// Up to `at_most` kinds of death, the most frequent first.
///
/// # Errors
///
/// As [`list_dead`].
pub async fn group_dead(pool: &PgPool, view: DeadView<'_>, at_most: u32) -> Result<Vec<DeadGroup>, QueueError> {
    sqlx::query_as(sql("select * from botticelli.group_dead($1, $2, $3, $4)"))
        .bind(view.queue)
        .bind(view.state)
        .bind(view.since)
        .bind(i32::try_from(at_most).unwrap_or(i32::MAX))
        .fetch_all(sessionless(pool))
        .await
        .map_err(refused("group dead jobs"))
}

/// How many dead jobs there are.
///
/// # Errors
///
/// As [`list_dead`].
pub async fn count_dead(pool: &PgPool, filter: DeadFilter<'_>) -> Result<i64, QueueError> {
    sqlx::query_scalar(sql("select botticelli.count_dead($1, $2, $3, $4)"))
        .bind(filter.queue)
        .bind(filter.fingerprint)
        .bind(filter.state)
        .bind(filter.before)
        .fetch_one(sessionless(pool))
        .await
        .map_err(refused("count dead jobs"))
}

/// Lets a dead job wait again under its id, due at once and with all of its tries before it. Its errors are kept. With it come
/// the dead ones of those that it asked for, and those that were cancelled because of it.
///
/// # Errors
///
/// [`QueueError::Invalid`] when it is not among the dead ones, waits for a job that stays dead, or is unique and another job has
/// taken its place, with that one's id; [`QueueError::Database`] otherwise.
pub async fn redrive(pool: &PgPool, job: JobId) -> Result<(), QueueError> {
    sqlx::query(sql("select botticelli.redrive($1)"))
        .bind(job)
        .execute(sessionless(pool))
        .await
        .map_err(refused("redrive a job"))?;
    Ok(())
}

/// [Redrives](redrive()) all that pass the filter, but for those whose key another job holds, or that wait for one which
/// stays dead. All or none, as one transaction.
///
/// # Errors
///
/// As [`list_dead`].
pub async fn redrive_all(pool: &PgPool, filter: DeadFilter<'_>) -> Result<Redriven, QueueError> {
    sqlx::query_as(sql("select * from botticelli.redrive_all($1, $2, $3, $4)"))
        .bind(filter.queue)
        .bind(filter.fingerprint)
        .bind(filter.state)
        .bind(filter.before)
        .fetch_one(sessionless(pool))
        .await
        .map_err(refused("redrive dead jobs"))
}

/// Deletes all that pass the filter for good, and gives their number.
///
/// # Errors
///
/// As [`list_dead`].
pub async fn purge_dead(pool: &PgPool, filter: DeadFilter<'_>) -> Result<i64, QueueError> {
    sqlx::query_scalar(sql("select botticelli.purge_dead($1, $2, $3, $4)"))
        .bind(filter.queue)
        .bind(filter.fingerprint)
        .bind(filter.state)
        .bind(filter.before)
        .fetch_one(sessionless(pool))
        .await
        .map_err(refused("purge dead jobs"))
}
