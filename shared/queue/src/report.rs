//! What a job tells about itself: how far it is, what it noted, what came of it.

use botticelli_database::{sessionless, sql};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::{FromRow, PgConnection, PgExecutor, PgPool};

use crate::{JobId, Lease, QueueError, json_text::fitting, refusal::refused, settle::storable};

/// Characters of a note at most; the rest is cut off.
const LONGEST_NOTE: usize = 1000;
/// Characters of a line of the log at most; the rest is cut off.
const LONGEST_LINE: usize = 8000;

/// How far a job is. What is `None` stays as it was told before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress<'a> {
    /// How much is done.
    pub done: Option<u32>,
    /// Of how much.
    pub total: Option<u32>,
    /// In words, up to 1,000 characters.
    pub note: Option<&'a str>,
}

/// How much a line of a job's log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// For whoever wrote the handler.
    Debug,
    /// What is expected.
    Info,
    /// What is not, and was coped with.
    Warn,
    /// What failed.
    Error,
}

impl LogLevel {
    fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize)]
pub struct LogLine {
    /// When.
    pub at: DateTime<Utc>,
    /// In which attempt.
    pub attempt: i32,
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// What.
    pub message: String,
}

/// Tells how far a job is, for everybody to see while it runs.
///
/// # Errors
///
/// [`QueueError::LeaseLost`] when the job is not held under `lease` any more, [`QueueError::Database`] when the statement fails.
pub async fn report_progress(
    executor: impl PgExecutor<'_>,
    lease: Lease,
    progress: Progress<'_>,
) -> Result<(), QueueError> {
    let reported: bool = sqlx::query_scalar(sql("select botticelli.report_progress($1, $2, $3, $4, $5, $6, $7, $8)"))
        .bind(lease.worker)
        .bind(lease.claim)
        .bind(i32::from(lease.place))
        .bind(lease.job)
        .bind(lease.attempt)
        .bind(progress.done.map(i64::from))
        .bind(progress.total.map(i64::from))
        .bind(progress.note.map(|note| cut(note, LONGEST_NOTE)))
        .fetch_one(executor)
        .await
        .map_err(QueueError::while_doing("report a job's progress"))?;
    held(reported, lease)
}

/// Adds a line to the log of a job. Of each job the last thousand lines are kept.
///
/// # Errors
///
/// As [`report_progress`].
pub async fn add_to_log(
    executor: impl PgExecutor<'_>,
    lease: Lease,
    level: LogLevel,
    message: &str,
) -> Result<(), QueueError> {
    let added: bool = sqlx::query_scalar(sql("select botticelli.add_to_log($1, $2, $3, $4, $5, $6, $7)"))
        .bind(lease.worker)
        .bind(lease.claim)
        .bind(i32::from(lease.place))
        .bind(lease.job)
        .bind(lease.attempt)
        .bind(level.as_str())
        .bind(cut(message, LONGEST_LINE))
        .fetch_one(executor)
        .await
        .map_err(QueueError::while_doing("add to a job's log"))?;
    held(added, lease)
}

/// What a job tells at once: how far it is, and a line for its log.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The job.
    pub lease: Lease,
    /// How far it is.
    pub progress: Progress<'a>,
    /// How much the line matters.
    pub level: LogLevel,
    /// The line.
    pub line: &'a str,
}

/// As [`report_progress`] and [`add_to_log`] for many jobs, in one statement and in a transaction that [holds](crate::hold_all()) them:
/// this alone is not fenced.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn report_all(connection: &mut PgConnection, reports: &[Report<'_>]) -> Result<(), QueueError> {
    let number = |number: Option<u32>| number.map(i64::from);
    let note = |report: &Report<'_>| report.progress.note.map(|note| cut(note, LONGEST_NOTE));
    sqlx::query(sql(include_str!("sql/report_all.sql")))
        .bind(column(reports, |report| report.lease.job))
        .bind(column(reports, |report| report.lease.attempt))
        .bind(column(reports, |report| number(report.progress.done)))
        .bind(column(reports, |report| number(report.progress.total)))
        .bind(column(reports, note))
        .bind(column(reports, |report| report.level.as_str()))
        .bind(column(reports, |report| cut(report.line, LONGEST_LINE)))
        .execute(connection)
        .await
        .map_err(QueueError::while_doing("report on jobs"))?;
    Ok(())
}

fn column<T>(reports: &[Report<'_>], value: impl Fn(&Report<'_>) -> T) -> Vec<T> {
    reports.iter().map(value).collect()
}

/// Keeps what came of a job, in the transaction that [completes](crate::complete()) it and after that: this alone is not fenced.
///
/// # Errors
///
/// [`QueueError::Invalid`] when the result takes more than 256 KiB, [`QueueError::Database`] when the statement fails.
pub async fn save_result(connection: &mut PgConnection, lease: Lease, result: &Value) -> Result<(), QueueError> {
    match save_results(connection, &[(lease, result)]).await?.pop() {
        None => Ok(()),
        Some((lease, reason)) => Err(QueueError::Invalid(format!("the result of job {} {reason}", lease.job))),
    }
}

/// As [`save_result`] for many jobs, in one statement. Gives the jobs whose results cannot be kept, and why; the text follows on what
/// it is.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails; nothing is kept then.
pub async fn save_results(
    connection: &mut PgConnection,
    results: &[(Lease, &Value)],
) -> Result<Vec<(Lease, String)>, QueueError> {
    let (mut kept, mut unfit) = (Vec::with_capacity(results.len()), Vec::new());
    for (lease, result) in results {
        match fitting(result) {
            Ok(()) => kept.push((lease, result)),
            Err(reason) => unfit.push((*lease, reason)),
        }
    }
    if kept.is_empty() {
        return Ok(unfit);
    }
    sqlx::query(sql(
        "select botticelli.save_result(job, attempt, result)
         from unnest($1::bigint[], $2::integer[], $3::jsonb[]) as done (job, attempt, result)",
    ))
    .bind(kept.iter().map(|(lease, _)| lease.job).collect::<Vec<_>>())
    .bind(kept.iter().map(|(lease, _)| lease.attempt).collect::<Vec<_>>())
    .bind(kept.iter().map(|(_, result)| result).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(refused("keep results of jobs"))?;
    Ok(unfit)
}

/// The log of a job, the first line first.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn job_log(pool: &PgPool, job: JobId) -> Result<Vec<LogLine>, QueueError> {
    sqlx::query_as(sql("select at, attempt, level, message from botticelli.job_log($1)"))
        .bind(job)
        .fetch_all(sessionless(pool))
        .await
        .map_err(QueueError::while_doing("read a job's log"))
}

fn cut(text: &str, most: usize) -> String {
    storable(&text.chars().take(most).collect::<String>())
}

fn held(is_held: bool, lease: Lease) -> Result<(), QueueError> {
    if is_held {
        Ok(())
    } else {
        Err(QueueError::LeaseLost(lease))
    }
}
