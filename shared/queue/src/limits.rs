//! Limits of a queue that hold in the whole fleet.

use std::time::Duration;

use botticelli_database::sql;
use sqlx::PgConnection;

use crate::{QueueError, refusal::refused};

/// How many jobs may start in a time: a bucket that holds up to `burst` tokens and gets `jobs` of them per `period`. A start
/// takes a token, so in any time `t` at most `burst + jobs * t / period` jobs start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Jobs per period, at least one.
    pub jobs: u32,
    /// The period, at least a millisecond.
    pub period: Duration,
    /// How many may start at once after a rest; as many as in a period when it is not said.
    pub burst: Option<u32>,
}

/// The limits of one queue; what is `None` is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueLimits {
    /// Jobs that run at once.
    pub max_running: Option<u32>,
    /// Jobs of one `limit_key` that run at once. A job without a key is limited by its queue alone.
    pub max_running_per_key: Option<u32>,
    /// Jobs that start.
    pub rate: Option<Rate>,
    /// Jobs of one `limit_key` that start.
    pub rate_per_key: Option<Rate>,
}

/// Sets all limits of `queue`, for every worker of the fleet, from the commit of the caller's transaction on. Jobs that run
/// already count; none of them is stopped. What was used of a rate that had a limit before stays used.
///
/// Claims and settlements of all queues wait for the caller's transaction, so it should end soon.
///
/// # Errors
///
/// [`QueueError::Invalid`] for an unknown queue or a limit that makes no sense, with the way out; [`QueueError::Database`]
/// otherwise, also when some transaction that settles jobs has been open for 5 s.
pub async fn limit_queue(connection: &mut PgConnection, queue: &str, limits: &QueueLimits) -> Result<(), QueueError> {
    let period = |rate: Option<Rate>| rate.map(|rate| rate.period.as_secs_f64());
    let burst = |rate: Option<Rate>| rate.and_then(|rate| rate.burst).map(i64::from);
    sqlx::query(sql(include_str!("sql/limit_queue.sql")))
        .bind(queue)
        .bind(limits.max_running.map(i64::from))
        .bind(limits.max_running_per_key.map(i64::from))
        .bind(limits.rate.map(|rate| i64::from(rate.jobs)))
        .bind(period(limits.rate))
        .bind(burst(limits.rate))
        .bind(limits.rate_per_key.map(|rate| i64::from(rate.jobs)))
        .bind(period(limits.rate_per_key))
        .bind(burst(limits.rate_per_key))
        .persistent(false)
        .execute(connection)
        .await
        .map_err(refused("limit a queue"))?;
    Ok(())
}
