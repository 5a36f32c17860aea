//! The history of runs: one row per attempt of a job.

use std::time::Duration;

use botticelli_database::{sessionless, sql};
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection, PgPool};

use crate::ActorsError;

/// How a run ended. A run with a failed act or an error is a failure, whatever else it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything it set out to do is done.
    Success,
    /// It is not; the message says why.
    Failure,
    /// There was nothing to do, or reason not to; the reason says which.
    Skipped,
    /// The worker stopped before it could end; the job goes on elsewhere.
    Interrupted,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Skipped => "skipped",
            Self::Interrupted => "interrupted",
        }
    }

    fn success(self) -> Option<bool> {
        match self {
            Self::Success => Some(true),
            Self::Failure => Some(false),
            Self::Skipped | Self::Interrupted => None,
        }
    }
}

/// What there is to record about the end of a run.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'a> {
    /// Of which job.
    pub job_id: i64,
    /// Of which attempt of it.
    pub attempt: i32,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong.
    pub error_message: Option<&'a str>,
    /// Why it was skipped or interrupted.
    pub reason: Option<&'a str>,
    /// Acts (or posts, for posting) that worked.
    pub skills_succeeded: i32,
    /// Acts (or posts) that did not.
    pub skills_failed: i32,
    /// What else is worth keeping: usage, counts, a narrative's output.
    pub metadata: &'a serde_json::Value,
}

/// A run that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewExecution<'a> {
    /// Whose run it is.
    pub actor: &'a str,
    /// For which job.
    pub job_id: i64,
    /// Which attempt of it.
    pub attempt: i32,
    /// Where, for people.
    pub worker_name: &'a str,
    /// The trace that it belongs to.
    pub traceparent: Option<&'a str>,
}

/// Opens the rows of runs that begin now and notes each as its actor's last run. Gives the rows' ids, in this order.
///
/// # Errors
///
/// [`ActorsError`] when the rows could not be written; none is then.
pub async fn start_executions(
    connection: &mut PgConnection,
    runs: &[NewExecution<'_>],
) -> Result<Vec<i64>, ActorsError> {
    let actors: Vec<&str> = runs.iter().map(|run| run.actor).collect();
    let jobs: Vec<i64> = runs.iter().map(|run| run.job_id).collect();
    let attempts: Vec<i32> = runs.iter().map(|run| run.attempt).collect();
    let workers: Vec<&str> = runs.iter().map(|run| run.worker_name).collect();
    let traces: Vec<Option<&str>> = runs.iter().map(|run| run.traceparent).collect();
    sqlx::query_scalar(sql(include_str!("sql/start_executions.sql")))
        .bind(actors)
        .bind(jobs)
        .bind(attempts)
        .bind(workers)
        .bind(traces)
        .fetch_all(connection)
        .await
        .map_err(ActorsError::writing)
}

/// Closes the rows of runs. A row that is closed already stays as it is.
///
/// # Errors
///
/// [`ActorsError`] when the rows could not be written; none is then.
pub async fn finish_executions(connection: &mut PgConnection, endings: &[Ending<'_>]) -> Result<(), ActorsError> {
    fn column<'a, T>(endings: &[Ending<'a>], value: impl Fn(&Ending<'a>) -> T) -> Vec<T> {
        endings.iter().map(value).collect()
    }
    if endings.is_empty() {
        return Ok(());
    }
    sqlx::query(sql(include_str!("sql/finish_executions.sql")))
        .bind(column(endings, |ending| ending.job_id))
        .bind(column(endings, |ending| ending.attempt))
        .bind(column(endings, |ending| ending.outcome.as_str()))
        .bind(column(endings, |ending| ending.outcome.success()))
        .bind(column(endings, |ending| ending.error_message))
        .bind(column(endings, |ending| ending.reason))
        .bind(column(endings, |ending| ending.skills_succeeded))
        .bind(column(endings, |ending| ending.skills_failed))
        .bind(column(endings, |ending| ending.metadata))
        .execute(connection)
        .await
        .map_err(ActorsError::writing)?;
    Ok(())
}

/// Closes the row of a run whose worker is gone.
///
/// # Errors
///
/// [`ActorsError`] when the row could not be written.
pub async fn mark_lost(connection: &mut PgConnection, job_id: i64, attempt: i32) -> Result<(), ActorsError> {
    sqlx::query(sql("update botticelli.actor_server_executions
         set completed_at = clock_timestamp(), outcome = 'lost', success = false,
             error_message = 'worker ' || worker_name || ' was lost during this run'
         where job_id = $1 and attempt = $2 and outcome = 'running'"))
    .bind(job_id)
    .bind(attempt)
    .execute(connection)
    .await
    .map_err(ActorsError::writing)?;
    Ok(())
}

/// The runs (job, attempt) that have been open for longer than a minute.
///
/// # Errors
///
/// [`ActorsError`] when the rows could not be read.
pub async fn open_executions(connection: &mut PgConnection) -> Result<Vec<(i64, i32)>, ActorsError> {
    sqlx::query_as(sql("select job_id, attempt from botticelli.actor_server_executions
         where outcome = 'running' and started_at < now() - interval '1 minute'"))
    .fetch_all(connection)
    .await
    .map_err(ActorsError::reading)
}

/// The jobs with runs that were interrupted: up to `limit` behind the job `after`, in their order.
///
/// # Errors
///
/// [`ActorsError`] when the rows could not be read.
pub async fn interrupted_jobs(connection: &mut PgConnection, after: i64, limit: u16) -> Result<Vec<i64>, ActorsError> {
    sqlx::query_scalar(sql("select distinct job_id from botticelli.actor_server_executions
         where outcome = 'interrupted' and job_id > $1 order by job_id limit $2"))
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await
    .map_err(ActorsError::reading)
}

/// Deletes runs of `jobs` that were interrupted, of those jobs that have `ended` all and of the others those that were more than `age`
/// ago: up to `limit`. How many they were. One that somebody else is about to delete is left to them.
///
/// # Errors
///
/// [`ActorsError`] when the rows could not be deleted.
pub async fn forget_interruptions(
    connection: &mut PgConnection,
    jobs: &[i64],
    ended: &[i64],
    age: Duration,
    limit: u16,
) -> Result<u64, ActorsError> {
    let gone = sqlx::query(sql("delete from botticelli.actor_server_executions where id in (
           select id from botticelli.actor_server_executions
           where outcome = 'interrupted' and job_id = any ($1)
             and (job_id = any ($2) or completed_at < now() - make_interval(secs => $3))
           order by id limit $4 for update skip locked
         )"))
    .bind(jobs)
    .bind(ended)
    .bind(age.as_secs_f64())
    .bind(i64::from(limit))
    .execute(connection)
    .await
    .map_err(ActorsError::writing)?;
    Ok(gone.rows_affected())
}

/// A run.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct ExecutionRow {
    /// The run.
    pub id: i64,
    /// The actor, under the seed's other name for it.
    pub task_id: String,
    /// The actor.
    pub actor_name: String,
    /// The job it was an attempt of.
    pub job_id: i64,
    /// Which attempt.
    pub attempt: i32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub completed_at: Option<DateTime<Utc>>,
    /// `running`, `success`, `failure`, `skipped`, `interrupted` or `lost`.
    pub outcome: String,
    /// `None` while it runs, and for one that was skipped or interrupted.
    pub success: Option<bool>,
    /// Acts or posts that worked.
    pub skills_succeeded: Option<i32>,
    /// Acts or posts that did not.
    pub skills_failed: Option<i32>,
    /// What went wrong.
    pub error_message: Option<String>,
    /// Why it was skipped or interrupted.
    pub reason: Option<String>,
}

/// One run; `None` when there is no such id.
///
/// # Errors
///
/// [`ActorsError`] when the row could not be read.
pub async fn get_execution(pool: &PgPool, id: i64) -> Result<Option<ExecutionRow>, ActorsError> {
    sqlx::query_as(sql(
        "select id, task_id, actor_name, job_id, attempt, started_at, completed_at, outcome, success, skills_succeeded,
                skills_failed, error_message, reason
         from botticelli.actor_server_executions where id = $1",
    ))
    .bind(id)
    .fetch_optional(sessionless(pool))
    .await
    .map_err(ActorsError::reading)
}

/// Runs of all actors, newest first.
///
/// # Errors
///
/// [`ActorsError`] when the rows could not be read.
pub async fn list_executions(pool: &PgPool, limit: i64, offset: i64) -> Result<Vec<ExecutionRow>, ActorsError> {
    sqlx::query_as(sql(
        "select id, task_id, actor_name, job_id, attempt, started_at, completed_at, outcome, success, skills_succeeded,
                skills_failed, error_message, reason
         from botticelli.actor_server_executions order by started_at desc, id desc limit $1 offset $2",
    ))
    .bind(limit)
    .bind(offset)
    .fetch_all(sessionless(pool))
    .await
    .map_err(ActorsError::reading)
}

/// Runs of one actor, newest first.
///
/// # Errors
///
/// [`ActorsError`] when the rows could not be read.
pub async fn list_actor_executions(
    pool: &PgPool,
    actor: &str,
    limit: i64,
    offset: i64,
) -> Result<Vec<ExecutionRow>, ActorsError> {
    sqlx::query_as(sql(
        "select id, task_id, actor_name, job_id, attempt, started_at, completed_at, outcome, success, skills_succeeded,
                skills_failed, error_message, reason
         from botticelli.actor_server_executions where task_id = $1 order by started_at desc, id desc limit $2 offset $3",
    ))
    .bind(actor)
    .bind(limit)
    .bind(offset)
    .fetch_all(sessionless(pool))
    .await
    .map_err(ActorsError::reading)
}
