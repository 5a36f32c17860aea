//! Looking at calls, at what they have used and at how the budgets stand.

use botticelli_database::{sessionless, sql};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::{FromRow, PgPool};

use crate::{CallId, LedgerError, kept_name::kept};

/// Everything that is known of a call.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize)]
pub struct CallRecord {
    /// The call.
    pub id: CallId,
    /// The job; `None` outside of jobs.
    pub job_id: Option<i64>,
    /// Which claim of it.
    pub attempt: Option<i32>,
    /// The run.
    pub run: String,
    /// For which actor.
    pub actor: String,
    /// The narrative.
    pub narrative: String,
    /// The act.
    pub act: String,
    /// Its place in the run.
    pub step: String,
    /// The provider.
    pub provider: String,
    /// The name of the key.
    pub key_name: String,
    /// The model.
    pub model: String,
    /// A digest of the prompt.
    pub prompt_hash: String,
    /// `reserved`, `settled`, `failed`, `released` or `lost`.
    pub state: String,
    /// Tokens of input that it might have.
    pub reserved_input_tokens: i64,
    /// Tokens of output that it might have.
    pub reserved_output_tokens: i64,
    /// What those would cost, in millionths of a dollar.
    pub reserved_cost_micros: i64,
    /// Tokens of input that it had; `None` before its end, as below.
    pub input_tokens: Option<i64>,
    /// Tokens of output that it had.
    pub output_tokens: Option<i64>,
    /// Those of the input that were read from the provider's cache.
    pub cached_input_tokens: Option<i64>,
    /// Those of the input that were written to it.
    pub cache_write_tokens: Option<i64>,
    /// Those of the output that were reasoning.
    pub reasoning_tokens: Option<i64>,
    /// Whether these numbers are guessed, or are those that were reserved because nobody knows better.
    pub is_estimated: Option<bool>,
    /// What it cost, in millionths of a dollar.
    pub cost_micros: Option<i64>,
    /// What went wrong.
    pub error_class: Option<String>,
    /// What its provider calls it.
    pub request_id: Option<String>,
    /// When it was reserved.
    pub reserved_at: DateTime<Utc>,
    /// When it is lost unless it has ended.
    pub expires_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// The calls of a job, in the order in which they were reserved.
///
/// # Errors
///
/// [`LedgerError::Database`] when the statement fails.
pub async fn calls_of_job(pool: &PgPool, job: i64) -> Result<Vec<CallRecord>, LedgerError> {
    sqlx::query_as(sql(
        "select * from botticelli.model_calls where job_id = $1 order by id",
    ))
    .bind(job)
    .fetch_all(sessionless(pool))
    .await
    .map_err(LedgerError::while_doing("read the calls of a job"))
}

/// The call that was answered for a step of a job, in whatever attempt; the last one, if there were several. Its answer is with the step's
/// checkpoint, for both were written in one transaction.
///
/// # Errors
///
/// [`LedgerError::Database`] when the statement fails.
pub async fn settled_call(pool: &PgPool, job: i64, step: &str) -> Result<Option<CallRecord>, LedgerError> {
    sqlx::query_as(sql("select * from botticelli.model_calls
         where job_id = $1 and step = $2 and state = 'settled' order by id desc limit 1"))
    .bind(job)
    .bind(kept(step))
    .fetch_optional(pool)
    .await
    .map_err(LedgerError::while_doing("read the calls of a step"))
}

/// Calls that are reserved and have not ended, the oldest first.
///
/// # Errors
///
/// [`LedgerError::Database`] when the statement fails.
pub async fn open_calls(pool: &PgPool, limit: i64) -> Result<Vec<CallRecord>, LedgerError> {
    sqlx::query_as(sql(
        "select * from botticelli.model_calls where state = 'reserved' order by id limit $1",
    ))
    .bind(limit)
    .fetch_all(sessionless(pool))
    .await
    .map_err(LedgerError::while_doing("read the calls that are under way"))
}

/// By what usage is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// The day (UTC) on which calls were reserved.
    Day,
    /// Their actor.
    Actor,
    /// Their provider.
    Provider,
    /// Their model.
    Model,
}

impl Dimension {
    fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Actor => "actor",
            Self::Provider => "provider",
            Self::Model => "model",
        }
    }
}

/// What calls have used that are over.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize)]
pub struct UsageLine {
    /// The day, actor, provider or model.
    pub key: String,
    /// Calls that were sent.
    pub calls: i64,
    /// Those of them that failed.
    pub failed_calls: i64,
    /// Those of which nobody knows what became of them; they count with what they had reserved.
    pub lost_calls: i64,
    /// Tokens of input, cached ones included.
    pub input_tokens: i64,
    /// Tokens of output, reasoning included.
    pub output_tokens: i64,
    /// Tokens of input that were read from a cache.
    pub cached_input_tokens: i64,
    /// Tokens of input that were written to a cache.
    pub cache_write_tokens: i64,
    /// Tokens of output that were reasoning.
    pub reasoning_tokens: i64,
    /// Millionths of a dollar.
    pub cost_micros: i64,
}

/// What calls have used that were reserved from one day (UTC) to another, both included, and are over; added up, what cost most first, days
/// in their order. Sums that no number holds are the greatest number.
///
/// # Errors
///
/// [`LedgerError::Database`] when the statement fails.
pub async fn usage_by(
    pool: &PgPool,
    dimension: Dimension,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<UsageLine>, LedgerError> {
    sqlx::query_as(sql(include_str!("sql/usage_by.sql")))
        .bind(dimension.as_str())
        .bind(from)
        .bind(to)
        .fetch_all(sessionless(pool))
        .await
        .map_err(LedgerError::while_doing("add up what calls have used"))
}

/// How a budget stands.
#[derive(Debug, Clone, PartialEq, FromRow, Serialize)]
pub struct BudgetStanding {
    /// `act`, `run`, `actor` or `fleet`.
    pub scope: String,
    /// The run or the actor; empty for the fleet.
    pub key: String,
    /// The step of an act; else empty.
    pub step: String,
    /// `none`, `day` or `month`.
    pub period: String,
    /// When its next period begins.
    pub ends_at: Option<DateTime<Utc>>,
    /// Tokens that ended calls have used.
    pub used_tokens: i64,
    /// Tokens that calls under way may use.
    pub reserved_tokens: i64,
    /// The limit that was given last; `None` for none.
    pub max_tokens: Option<i64>,
    /// Calls that have ended.
    pub used_calls: i64,
    /// Calls that are under way.
    pub reserved_calls: i64,
    /// The limit that was given last.
    pub max_calls: Option<i64>,
    /// What ended calls cost, in millionths of a dollar.
    pub used_cost_micros: i64,
    /// What calls under way may cost.
    pub reserved_cost_micros: i64,
    /// The limit that was given last.
    pub max_cost_micros: Option<i64>,
    /// The greatest share of any of the limits that is used or reserved.
    pub share: Option<f64>,
    /// When the first of them came to four fifths.
    pub alerted_at: Option<DateTime<Utc>>,
}

/// How the budgets of actors and the fleet stand whose period is not over at `at`, the fleet's first; and with `run`, those of that run
/// and its acts.
///
/// # Errors
///
/// [`LedgerError::Database`] when the statement fails.
pub async fn budget_standings(
    pool: &PgPool,
    run: Option<&str>,
    at: Option<DateTime<Utc>>,
) -> Result<Vec<BudgetStanding>, LedgerError> {
    sqlx::query_as(sql(include_str!("sql/budget_standings.sql")))
        .bind(run.map(kept))
        .bind(at)
        .fetch_all(sessionless(pool))
        .await
        .map_err(LedgerError::while_doing("read how the budgets stand"))
}
