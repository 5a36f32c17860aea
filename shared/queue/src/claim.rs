//! Taking due jobs.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool};

use crate::{ClaimedJob, JobId, Lease, QueueError, WorkerId};

#[derive(FromRow)]
struct Row {
    id: JobId,
    kind: String,
    args: String,
    attempt: i32,
    interruptions: i32,
    max_attempts: i32,
    source: String,
    traceparent: Option<String>,
    run_at: DateTime<Utc>,
    attempted_at: DateTime<Utc>,
    priority: i16,
}

/// Claims up to `limit` due jobs of `queue` for `worker`, highest priority first, then longest due.
///
/// The claim is committed before this returns, so a crash of the caller costs the jobs one try and one lease of delay,
/// never the jobs. Nothing is claimed from a paused queue or by a worker whose lease has ended.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails or its answer is lost. In the second case jobs may be claimed without
/// anybody knowing; [`put_back_strays`](crate::put_back_strays()) returns them.
pub async fn claim(
    pool: &PgPool,
    queue: &Arc<str>,
    limit: u16,
    worker: WorkerId,
) -> Result<Vec<ClaimedJob>, QueueError> {
    let mut rows: Vec<Row> = sqlx::query_as(include_str!("sql/claim.sql"))
        .bind(&**queue)
        .bind(i64::from(limit))
        .bind(worker)
        .fetch_all(pool)
        .await
        .map_err(QueueError::while_doing("claim jobs"))?;
    // UPDATE … RETURNING promises no order.
    rows.sort_by_key(|row| (std::cmp::Reverse(row.priority), row.run_at, row.id));
    Ok(rows
        .into_iter()
        .map(|row| ClaimedJob {
            lease: Lease {
                job: row.id,
                attempt: row.attempt,
                worker,
            },
            queue: Arc::clone(queue),
            kind: row.kind,
            args: row.args,
            tries: row.attempt - row.interruptions,
            max_attempts: row.max_attempts,
            source: row.source,
            traceparent: row.traceparent,
            run_at: row.run_at,
            claimed_at: row.attempted_at,
        })
        .collect())
}

/// How long until the next waiting job of `queue` is due: zero when one is due already, `None` when none waits.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn next_due(pool: &PgPool, queue: &str) -> Result<Option<Duration>, QueueError> {
    let seconds: Option<f64> = sqlx::query_scalar(
        "select greatest(extract(epoch from min(run_at) - clock_timestamp()), 0)::float8
         from botticelli.jobs where queue = $1 and state <> 'running'",
    )
    .bind(queue)
    .fetch_one(pool)
    .await
    .map_err(QueueError::while_doing("read when the next job is due"))?;
    Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
}
