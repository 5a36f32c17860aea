//! Taking due jobs.

use std::{sync::Arc, time::Duration};

use botticelli_database::sql;
use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, Row, postgres::PgRow};

use crate::{ClaimId, ClaimedJob, JobId, Lease, QueueError, WorkerId};

/// Jobs that become due are made ready this many at a time.
const PROMOTED_AT_ONCE: i64 = 1000;

/// How many jobs a claim may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Jobs at most.
    pub jobs: u16,
    /// Whether one of them may be a suspect: a job whose last worker was lost. One at a time in a process, so that a job
    /// that takes its worker down leaves the other suspects alone.
    pub takes_suspect: bool,
}

/// What a claim brought.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The jobs, in the order in which they should start.
    pub jobs: Vec<ClaimedJob>,
    /// How long until the next job that waits for its time is due: zero when it is due already and wants to be
    /// [promoted](promote()), `None` when none waits for its time.
    pub next_due: Option<Duration>,
}

/// Claims up to `room` ready jobs of `queue` for `worker`: those whose `run_at`, less a minute for each point of priority, is
/// earliest, and of these the first enqueued. That is also the order they are returned in.
///
/// The claim is committed before this returns, so a crash of the caller costs the jobs one try and one lease of delay,
/// never the jobs. Nothing is claimed from a paused queue or by a worker whose lease has ended. A job past its `not_after`
/// moves to the dead ones instead. A job that was enqueued for later is ready once [`promote`] has seen it due.
///
/// From a queue with limits (see [`limit_queue`](crate::limit_queue())) no more is claimed than they allow. Where keys have
/// limits they take turns: the order holds among the jobs of one key.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails or its answer is lost. In the second case jobs may be claimed without
/// anybody knowing; [`put_back_strays`](crate::put_back_strays()) returns them.
pub async fn claim(
    executor: impl PgExecutor<'_>,
    queue: &Arc<str>,
    room: Room,
    worker: WorkerId,
) -> Result<Claimed, QueueError> {
    let (claimed, _) = claim_from(executor, queue, room, worker, None).await?;
    Ok(claimed)
}

/// How far a claim came.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reach {
    /// How long it took to find the jobs.
    pub found_in: Duration,
    /// Where the last one stands in the order of the queue; `None` when none was found.
    pub last: Option<DateTime<Utc>>,
}

/// As [`claim`], but passes over what stands before `from` in the order of the queue: all of that has been claimed before, or it
/// came late and waits for a claim from the beginning.
pub(crate) async fn claim_from(
    executor: impl PgExecutor<'_>,
    queue: &Arc<str>,
    room: Room,
    worker: WorkerId,
    from: Option<DateTime<Utc>>,
) -> Result<(Claimed, Reach), QueueError> {
    let rows = sqlx::query(sql(
        "select * from botticelli.claim($1, $2, $3, $4, coalesce($5, '-infinity'))",
    ))
    .bind(&**queue)
    .bind(i32::from(room.jobs))
    .bind(worker)
    .bind(i32::from(room.takes_suspect && room.jobs > 0))
    .bind(from)
    .fetch_all(executor)
    .await
    .map_err(QueueError::while_doing("claim jobs"))?;
    read(&rows, queue, worker).map_err(QueueError::while_doing("read the claimed jobs"))
}

/// Reads the rows of `botticelli.claim`, by position: this is the one place where that is worth it.
fn read(rows: &[PgRow], queue: &Arc<str>, worker: WorkerId) -> Result<(Claimed, Reach), sqlx::Error> {
    let mut claimed = Claimed {
        jobs: Vec::with_capacity(rows.len()),
        next_due: None,
    };
    let mut reach = Reach::default();
    for (row, place) in rows.iter().zip(0..) {
        if place == 0 {
            let seconds: Option<f64> = row.try_get(0)?;
            claimed.next_due = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            let seconds: Option<f64> = row.try_get(16)?;
            reach.found_in = seconds
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .unwrap_or_default();
            reach.last = row.try_get(17)?;
        }
        let Some(claim) = row.try_get(1)? else { break };
        let attempt = row.try_get(7)?;
        claimed.jobs.push(ClaimedJob {
            lease: Lease {
                job: JobId(row.try_get(4)?),
                attempt,
                worker,
                claim: ClaimId(claim),
                place,
                claim_size: u16::try_from(row.try_get::<i32, _>(3)?).unwrap_or(u16::MAX),
            },
            queue: Arc::clone(queue),
            kind: row.try_get(5)?,
            args: row.try_get(6)?,
            tries: attempt - row.try_get::<i32, _>(8)?,
            max_attempts: row.try_get(9)?,
            source: row.try_get(10)?,
            traceparent: row.try_get(11)?,
            run_at: row.try_get(12)?,
            claimed_at: row.try_get(2)?,
            is_suspect: row.try_get(13)?,
            version: row.try_get(14)?,
            workflow: row.try_get(15)?,
        });
    }
    Ok((claimed, reach))
}

/// Makes jobs of `queue` ready whose time has come, and gives their number. Whoever listens is told of them. Safe for any
/// number of callers; a job that another is about to make ready is passed over.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn promote(executor: impl PgExecutor<'_>, queue: &str) -> Result<u64, QueueError> {
    let promoted: i64 = sqlx::query_scalar(sql(include_str!("sql/promote.sql")))
        .bind(queue)
        .bind(PROMOTED_AT_ONCE)
        .fetch_one(executor)
        .await
        .map_err(QueueError::while_doing("make due jobs ready"))?;
    Ok(u64::try_from(promoted).unwrap_or(0))
}
