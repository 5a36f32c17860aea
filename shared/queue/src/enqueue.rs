//! Putting jobs in, always through the SQL functions that other languages use too.

use std::time::Duration;

use botticelli_database::{has_sessions, sql};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{FromRow, PgConnection, query::QueryScalar};

use crate::{Job, JobId, QueueError, Source, refusal::refused};

/// A job to be enqueued.
#[derive(Debug, Clone)]
pub struct NewJob<'a> {
    /// The queue, which is the actor's name.
    pub queue: &'a str,
    /// The arguments, an object; what is allowed depends on the actor's kind.
    pub args: Value,
    /// Who asks.
    pub source: Source,
    /// The W3C trace context to go on under.
    pub traceparent: Option<&'a str>,
    /// Everything else, which most jobs leave as it is.
    pub options: JobOptions<'a>,
}

/// Several jobs of one queue to be enqueued together.
#[derive(Debug, Clone)]
pub struct NewJobs<'a> {
    /// The queue, which is the actor's name.
    pub queue: &'a str,
    /// The arguments of each.
    pub args: &'a [Value],
    /// Who asks.
    pub source: Source,
    /// The W3C trace context to go on under.
    pub traceparent: Option<&'a str>,
    /// What holds for all of them.
    pub options: JobOptions<'a>,
}

/// When a job runs, how often, and beside which others.
#[derive(Debug, Clone, Default)]
pub struct JobOptions<'a> {
    /// Not before then. Default: now, by the database's clock.
    pub run_at: Option<DateTime<Utc>>,
    /// Each point is worth a minute of waiting. Default: 0.
    pub priority: i16,
    /// Tries. Default: the queue's.
    pub max_attempts: Option<u16>,
    /// A job that was not started by then never is. Default: it has all the time.
    pub not_after: Option<DateTime<Utc>>,
    /// What makes it the only one of its like. Default: nothing.
    pub unique: Option<Unique<'a>>,
    /// What it is limited by beside its queue. Default: nothing.
    pub limit_key: Option<&'a str>,
    /// The form of its arguments, from 1. Default: 1.
    pub version: Option<i16>,
}

/// What makes a job the only one of its like: while one is there, enqueuing another gives the first one's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unique<'a> {
    /// The arguments that tell jobs of the queue apart: `["*"]` for all of them, none for one job in the queue.
    pub by: &'a [&'a str],
    /// How long a job is in the way of others.
    pub during: UniqueDuring,
    /// It is in the way at least so long, whatever becomes of it.
    pub period: Option<Duration>,
}

/// How long a unique job is in the way of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UniqueDuring {
    /// Until it is claimed.
    Waiting,
    /// Until it has ended.
    Unfinished,
    /// For the period only, without regard to its end.
    Period,
}

/// What became of a job that was to be enqueued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct Enqueued {
    /// The job, or that which is there in its place.
    pub id: JobId,
    /// Whether it is new.
    pub is_new: bool,
}

impl<'a> NewJob<'a> {
    /// A job that is due at once, asked for by a program.
    pub fn new(queue: &'a str, args: Value) -> Self {
        Self {
            queue,
            args,
            source: Source::Sql,
            traceparent: None,
            options: JobOptions::default(),
        }
    }

    /// The same of a typed job, with the version of its arguments.
    ///
    /// # Errors
    ///
    /// [`QueueError::Invalid`] when it cannot be written as JSON.
    pub fn of<J: Job>(queue: &'a str, job: &J) -> Result<Self, QueueError> {
        let args = serde_json::to_value(job).map_err(|error| {
            QueueError::Invalid(format!(
                "a job of kind `{}` cannot be written as JSON: {error}",
                J::KIND
            ))
        })?;
        let mut job = Self::new(queue, args);
        job.options.version = Some(J::VERSION);
        Ok(job)
    }
}

/// Enqueues one job in the caller's transaction: it exists if and when that commits. Of a unique job that is there already,
/// the id of that one is given.
///
/// As long as this process has not proven that it [has sessions](botticelli_database::has_sessions()), the statement has no name,
/// so a producer's transaction may go through a connection pooler in transaction mode. Without a transaction it needs a session.
///
/// # Errors
///
/// [`QueueError::Invalid`] for an unknown queue or bad arguments, with the way out; [`QueueError::Database`] otherwise.
pub async fn enqueue(connection: &mut PgConnection, job: &NewJob<'_>) -> Result<JobId, QueueError> {
    let statement = sqlx::query_scalar(sql("select botticelli.enqueue(
           queue => $1, args => $2, traceparent => $3, source => $4, run_at => coalesce($5, now()), priority => $6,
           max_attempts => $7, not_after => $8, unique_by => $9, unique_while => $10,
           unique_for => make_interval(secs => $11), limit_key => $12, version => $13
         )"))
    .bind(job.queue)
    .bind(&job.args)
    .bind(job.traceparent)
    .bind(job.source.as_str());
    bind_options(statement, &job.options)
        .persistent(has_sessions())
        .fetch_one(connection)
        .await
        .map_err(refused("enqueue a job"))
}

/// Enqueues many jobs in one statement and in the caller's transaction, and says of each, in their order, whether it is new.
///
/// # Errors
///
/// As [`enqueue`]; nothing is enqueued then.
pub async fn enqueue_many(connection: &mut PgConnection, jobs: &NewJobs<'_>) -> Result<Vec<Enqueued>, QueueError> {
    let statement = sqlx::query_scalar::<_, (JobId, bool)>(sql(
        "select row(job.id, job.is_new)
         from botticelli.enqueue_many(
           queue => $1, args => $2, traceparent => $3, source => $4, run_at => coalesce($5, now()), priority => $6,
           max_attempts => $7, not_after => $8, unique_by => $9, unique_while => $10,
           unique_for => make_interval(secs => $11),
           limit_keys => case when $12 is not null then array_fill($12::text, array[cardinality($2)]) end, version => $13
         ) as job",
    ))
    .bind(jobs.queue)
    .bind(jobs.args)
    .bind(jobs.traceparent)
    .bind(jobs.source.as_str());
    let enqueued = bind_options(statement, &jobs.options)
        .persistent(has_sessions())
        .fetch_all(connection)
        .await;
    let enqueued = enqueued.map_err(refused("enqueue jobs"))?;
    Ok(enqueued
        .into_iter()
        .map(|(id, is_new)| Enqueued { id, is_new })
        .collect())
}

/// Binds the parameters 5 to 13.
fn bind_options<'q, O>(
    statement: QueryScalar<'q, sqlx::Postgres, O, sqlx::postgres::PgArguments>,
    options: &'q JobOptions<'_>,
) -> QueryScalar<'q, sqlx::Postgres, O, sqlx::postgres::PgArguments> {
    let unique = options.unique;
    statement
        .bind(options.run_at)
        .bind(i32::from(options.priority))
        .bind(options.max_attempts.map(i32::from))
        .bind(options.not_after)
        .bind(unique.map(|unique| unique.by))
        .bind(unique.and_then(|unique| match unique.during {
            UniqueDuring::Waiting => Some("waiting"),
            UniqueDuring::Unfinished => Some("unfinished"),
            UniqueDuring::Period => None,
        }))
        .bind(
            unique
                .and_then(|unique| unique.period)
                .map(|period| period.as_secs_f64()),
        )
        .bind(options.limit_key)
        .bind(i32::from(options.version.unwrap_or(1)))
}

/// Enqueues one job unless one already waits in the queue; `None` when one does. A running one does not count.
///
/// The one that waits is locked until the caller's transaction ends, so it runs after that and sees what it wrote. One that
/// somebody else has locked is about to be claimed and does not count either, nor does one that has a `not_after` and may never
/// be started, or is part of a workflow and has work of its own.
///
/// # Errors
///
/// As [`enqueue`].
pub async fn enqueue_unless_waiting(
    connection: &mut PgConnection,
    job: &NewJob<'_>,
) -> Result<Option<JobId>, QueueError> {
    let waiting = sqlx::query(sql(include_str!("sql/lock_waiting.sql")))
        .bind(job.queue)
        .execute(&mut *connection)
        .await
        .map_err(QueueError::while_doing("look for waiting jobs"))?;
    if waiting.rows_affected() > 0 {
        Ok(None)
    } else {
        enqueue(connection, job).await.map(Some)
    }
}
