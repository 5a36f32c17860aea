//! Recording what became of a claimed job: exactly one of these per claimed job, in the caller's transaction.

use std::{collections::BTreeMap, time::Duration};

use botticelli_database::sql;
use sqlx::{PgConnection, PgExecutor};

use crate::{ClaimId, ClaimedJob, Lease, QueueError, WorkerId};

/// No job waits longer; the database's calendar ends somewhere.
const LONGEST_DELAY: Duration = Duration::from_hours(24 * 366 * 100);

/// What a failed try led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// Another try follows after this long.
    Later(Duration),
    /// The tries are used up; the job is among the dead ones as `discarded`.
    Exhausted,
    /// The job was cancelled while it ran; it is among the dead ones as `cancelled`.
    Cancelled,
}

/// What became of a job that was to wait again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutBack {
    /// It waits.
    Waits,
    /// It was cancelled while it ran; it is among the dead ones as `cancelled`.
    Cancelled {
        /// By whom and why, for people.
        reason: String,
    },
}

impl PutBack {
    /// What the database answered: no row when the job was not the worker's, and a reason when it was cancelled.
    pub(crate) fn read(answer: &[Option<String>], lease: Lease) -> Result<Self, QueueError> {
        match answer {
            [] => Err(QueueError::LeaseLost(lease)),
            [Some(reason), ..] => Ok(Self::Cancelled { reason: reason.clone() }),
            [None, ..] => Ok(Self::Waits),
        }
    }
}

/// Makes sure that the job is still held under `lease`, and keeps it so until the transaction ends: a rescue waits.
///
/// # Errors
///
/// [`QueueError::LeaseLost`] when it is not, [`QueueError::Database`] when the statement fails.
pub async fn hold(connection: &mut PgConnection, lease: Lease) -> Result<(), QueueError> {
    match hold_all(connection, &[lease]).await?.first() {
        None => Ok(()),
        Some(lease) => Err(QueueError::LeaseLost(*lease)),
    }
}

/// As [`hold`] for many jobs, in one statement. Gives the leases that are gone.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn hold_all(connection: &mut PgConnection, leases: &[Lease]) -> Result<Vec<Lease>, QueueError> {
    let claims: Vec<ClaimId> = leases.iter().map(|lease| lease.claim).collect();
    let workers: Vec<WorkerId> = leases.iter().map(|lease| lease.worker).collect();
    let places: Vec<i32> = leases.iter().map(|lease| i32::from(lease.place)).collect();
    let held: Vec<bool> = sqlx::query_scalar(sql(include_str!("sql/hold_all.sql")))
        .bind(claims)
        .bind(workers)
        .bind(places)
        .fetch_all(connection)
        .await
        .map_err(QueueError::while_doing("check leases of jobs"))?;
    let lost = leases.iter().zip(held).filter(|(_, is_held)| !is_held);
    Ok(lost.map(|(lease, _)| *lease).collect())
}

/// The job is done: it moves to the history as `completed`.
///
/// # Errors
///
/// [`QueueError::LeaseLost`] when the lease is gone, [`QueueError::Database`] when the statement fails.
pub async fn complete(connection: &mut PgConnection, lease: Lease) -> Result<(), QueueError> {
    match complete_all(connection, &[lease]).await?.first() {
        None => Ok(()),
        Some(lease) => Err(QueueError::LeaseLost(*lease)),
    }
}

/// Completes many jobs of one worker in one statement and gives those whose lease is gone, which changed nothing. A claim is
/// lost as a whole, so the jobs of one claim are completed together or not at all.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails; nothing is completed then, as far as is known.
pub async fn complete_all(connection: &mut PgConnection, leases: &[Lease]) -> Result<Vec<Lease>, QueueError> {
    let Some(worker) = leases.first().map(|lease| lease.worker) else {
        return Ok(Vec::new());
    };
    let mut places: BTreeMap<ClaimId, Vec<u8>> = BTreeMap::new();
    for lease in leases.iter().filter(|lease| lease.worker == worker) {
        let places = places.entry(lease.claim).or_insert_with(|| no_places(*lease));
        if let Some(place) = places.get_mut(usize::from(lease.place)) {
            *place = b'1';
        }
    }
    let (claims, places): (Vec<i64>, Vec<String>) = places
        .into_iter()
        .map(|(claim, places)| (claim.0, String::from_utf8_lossy(&places).into_owned()))
        .unzip();
    let completed: Vec<i64> = sqlx::query_scalar(sql(include_str!("sql/complete.sql")))
        .bind(worker)
        .bind(claims)
        .bind(places)
        .fetch_all(connection)
        .await
        .map_err(QueueError::while_doing("complete jobs"))?;
    let lost = |lease: &&Lease| lease.worker != worker || !completed.contains(&lease.claim.0);
    Ok(leases.iter().filter(lost).copied().collect())
}

/// The job can never succeed: it moves to the dead ones as `discarded` with `error`.
///
/// # Errors
///
/// As [`complete`].
pub async fn discard(connection: &mut PgConnection, lease: Lease, error: &str) -> Result<(), QueueError> {
    bury(connection, lease, "discarded", error, "discard a job").await
}

/// The job gives itself up: it moves to the dead ones as `cancelled`, for `reason`. One that somebody else has cancelled
/// needs no more than to be [handed back](hand_back()).
///
/// # Errors
///
/// As [`complete`].
pub async fn settle_cancelled(connection: &mut PgConnection, lease: Lease, reason: &str) -> Result<(), QueueError> {
    bury(connection, lease, "cancelled", reason, "cancel a running job").await
}

/// The try failed with `error`: another follows after `delay`, or the job is discarded when its tries are used up, or it has
/// been cancelled.
///
/// # Errors
///
/// As [`complete`].
pub async fn retry(
    connection: &mut PgConnection,
    job: &ClaimedJob,
    delay: Duration,
    error: &str,
) -> Result<Retried, QueueError> {
    if job.is_last_try() {
        discard(connection, job.lease, error).await?;
        return Ok(Retried::Exhausted);
    }
    match put_back(connection, job.lease, delay, Some(error), 0).await? {
        PutBack::Waits => Ok(Retried::Later(delay)),
        PutBack::Cancelled { .. } => Ok(Retried::Cancelled),
    }
}

/// The job asks to run again after `delay` without having used a try. It does not when it has been cancelled.
///
/// # Errors
///
/// As [`complete`].
pub async fn snooze(connection: &mut PgConnection, lease: Lease, delay: Duration) -> Result<PutBack, QueueError> {
    put_back(connection, lease, delay, None, 1).await
}

/// The job was interrupted through no fault of its own: it is due again at once and has not used a try. When it was
/// interrupted because it has been [cancelled](crate::cancel()), this ends it.
///
/// # Errors
///
/// As [`complete`].
pub async fn hand_back(connection: &mut PgConnection, lease: Lease) -> Result<PutBack, QueueError> {
    put_back(connection, lease, Duration::ZERO, None, 1).await
}

/// Hands back the jobs of `queue` that are claimed for `worker` in claims other than `in_hand`: those of a claim whose answer
/// was lost. They are due again at once and have not used a try; those that have been cancelled end. Gives the number of
/// the others.
///
/// Only the one that claims from `queue` for `worker` knows what is in hand, and it must not claim at the same time. A claim
/// whose connection broke may still run on the server and take effect after this has found nothing: whoever lost an answer
/// looks again later.
///
/// # Errors
///
/// [`QueueError::Database`] when the statement fails.
pub async fn put_back_strays(
    executor: impl PgExecutor<'_>,
    queue: &str,
    worker: WorkerId,
    in_hand: &[ClaimId],
) -> Result<u64, QueueError> {
    let in_hand: Vec<i64> = in_hand.iter().map(|claim| claim.0).collect();
    let strays = sqlx::query(sql(include_str!("sql/put_back_strays.sql")))
        .bind(queue)
        .bind(worker)
        .bind(in_hand)
        .execute(executor)
        .await
        .map_err(QueueError::while_doing("put back jobs whose claim was lost"))?;
    Ok(strays.rows_affected())
}

async fn put_back(
    connection: &mut PgConnection,
    lease: Lease,
    delay: Duration,
    error: Option<&str>,
    interruptions: i32,
) -> Result<PutBack, QueueError> {
    let put_back: Vec<Option<String>> = sqlx::query_scalar(sql(include_str!("sql/put_back.sql")))
        .bind(lease.worker)
        .bind(lease.claim)
        .bind(place(lease))
        .bind(delay.min(LONGEST_DELAY).as_secs_f64())
        .bind(error.map(storable))
        .bind(interruptions)
        .fetch_all(connection)
        .await
        .map_err(QueueError::while_doing("put a job back"))?;
    PutBack::read(&put_back, lease)
}

async fn bury(
    connection: &mut PgConnection,
    lease: Lease,
    state: &str,
    reason: &str,
    action: &'static str,
) -> Result<(), QueueError> {
    let buried = sqlx::query(sql(include_str!("sql/bury.sql")))
        .bind(lease.worker)
        .bind(lease.claim)
        .bind(place(lease))
        .bind(state)
        .bind(storable(reason))
        .execute(connection)
        .await
        .map_err(QueueError::while_doing(action))?;
    fenced(lease, buried.rows_affected())
}

/// One zero for each job of the lease's claim, as PostgreSQL reads a bit string.
fn no_places(lease: Lease) -> Vec<u8> {
    vec![b'0'; usize::from(lease.claim_size)]
}

/// The bit string that has the lease's own place set.
pub(crate) fn place(lease: Lease) -> String {
    (0..lease.claim_size)
        .map(|place| if place == lease.place { '1' } else { '0' })
        .collect()
}

/// PostgreSQL takes any text but one with NUL in it; an error must not be what keeps its job from being settled.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn fenced(lease: Lease, rows: u64) -> Result<(), QueueError> {
    match rows {
        1 => Ok(()),
        _ => Err(QueueError::LeaseLost(lease)),
    }
}
