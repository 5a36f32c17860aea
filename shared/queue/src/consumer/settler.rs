//! Records ends, as many in one statement as have come together while the last one ran.

use std::{error::Error, sync::Arc, time::Duration};

use apalis_core::error::BoxDynError;
use serde_json::Value;
use sqlx::{Connection, PgConnection, Postgres, pool::PoolConnection};
use tokio::sync::mpsc;

use super::{Answer, HandlerError, Shared, chain};
use crate::{
    ClaimedJob, Finished, Lease, QueueError, complete_all, discard, json_text::fitting, retry, save_result, snooze,
};

/// Ends recorded together at most.
const LARGEST_FLUSH: usize = 4000;
/// The longest wait between tries to record while the database is away.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Settles what finishes until all who could finish something are gone.
pub(super) async fn settle_all<R: Answer>(shared: Arc<Shared>, mut results: mpsc::UnboundedReceiver<Finished<R>>) {
    let mut finished = Vec::with_capacity(LARGEST_FLUSH);
    // Kept: to take it from the pool each time would be a round trip each time.
    let mut connection = None;
    while results.recv_many(&mut finished, LARGEST_FLUSH).await > 0 {
        let mut completed = Completed::default();
        for end in &finished {
            match &end.result {
                Ok(answer) => match answer.result() {
                    None => completed.leases.push(end.job.lease),
                    Some(result) => match fitting(result) {
                        Ok(()) => {
                            completed.leases.push(end.job.lease);
                            completed.results.push((end.job.lease, result));
                        }
                        Err(reason) => {
                            let error: BoxDynError = Box::new(HandlerError::Discard(format!("the result {reason}")));
                            record(&shared, &mut connection, &End::Failed(&end.job, &error)).await;
                        }
                    },
                },
                Err(error) => record(&shared, &mut connection, &End::Failed(&end.job, error)).await,
            }
        }
        record(&shared, &mut connection, &End::Completed(&completed)).await;
        // Neighbours in a claim mostly end together.
        for of_claim in finished.chunk_by(|a, b| a.job.lease.claim == b.job.lease.claim) {
            shared.settled(of_claim[0].job.lease.claim, of_claim.len());
        }
        finished.clear();
        shared.lend(&mut connection);
    }
}

/// Jobs that are done, and what came of some of them.
#[derive(Default)]
struct Completed<'a> {
    leases: Vec<Lease>,
    results: Vec<(Lease, &'a Value)>,
}

enum End<'a> {
    Completed(&'a Completed<'a>),
    Failed(&'a ClaimedJob, &'a BoxDynError),
}

/// Records until the database has taken it. A lease that is lost ends this too.
async fn record(shared: &Shared, connection: &mut Option<PoolConnection<Postgres>>, end: &End<'_>) {
    let mut wait = Duration::from_millis(100);
    loop {
        match try_to_record(shared, connection, end).await {
            Ok(()) => return,
            Err(QueueError::LeaseLost(lease)) => return report_lost(lease),
            // Asking again would not help; the end of the lease returns the jobs.
            Err(QueueError::Invalid(reason)) => {
                let queue = &shared.queue;
                return tracing::error!(queue.name = %queue, error = reason, "Could not record ends of jobs of {queue}: {reason}");
            }
            Err(error) => {
                *connection = None;
                let queue = &shared.queue;
                tracing::error!(queue.name = %queue, error = &error as &dyn Error, "Could not record ends of jobs of {queue} yet");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

async fn try_to_record(
    shared: &Shared,
    connection: &mut Option<PoolConnection<Postgres>>,
    end: &End<'_>,
) -> Result<(), QueueError> {
    let connection: &mut PgConnection = match connection {
        Some(connection) => connection,
        none => none.insert(shared.connection().await?),
    };
    let (job, error) = match end {
        End::Completed(completed) => {
            for lease in complete_with_results(connection, completed).await? {
                report_lost(lease);
            }
            return Ok(());
        }
        End::Failed(job, error) => (job, error),
    };
    let back_off = || shared.options.backoff.delay(job.tries, jitter(job));
    match error.downcast_ref() {
        Some(HandlerError::Snooze(delay)) => snooze(connection, job.lease, *delay).await.map(drop),
        Some(HandlerError::Discard(reason)) => discard(connection, job.lease, reason).await,
        Some(HandlerError::RetryAfter { error, after }) => retry(connection, job, *after, error).await.map(drop),
        None => retry(connection, job, back_off(), &chain(error)).await.map(drop),
    }
}

/// Completes jobs and keeps their results in one transaction. Gives the leases that are lost.
async fn complete_with_results(
    connection: &mut PgConnection,
    completed: &Completed<'_>,
) -> Result<Vec<Lease>, QueueError> {
    if completed.results.is_empty() {
        return complete_all(connection, &completed.leases).await;
    }
    let failed = || QueueError::while_doing("complete jobs");
    let mut transaction = connection.begin().await.map_err(failed())?;
    let lost = complete_all(&mut transaction, &completed.leases).await?;
    for (lease, result) in completed.results.iter().filter(|(lease, _)| !lost.contains(lease)) {
        save_result(&mut transaction, *lease, result).await?;
    }
    transaction.commit().await.map_err(failed())?;
    Ok(lost)
}

/// A number in 0..1 that differs from job to job and from try to try.
fn jitter(job: &ClaimedJob) -> f64 {
    let seed = (job.lease.job.0 ^ (i64::from(job.lease.attempt) << 40)).unsigned_abs();
    // Fibonacci hashing: the upper half of the product is well mixed.
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    f64::from(u32::try_from(mixed).unwrap_or(0)) / f64::from(u32::MAX)
}

fn report_lost(lease: Lease) {
    let error = QueueError::LeaseLost(lease);
    tracing::warn!(job.id = %lease.job, job.attempt = lease.attempt, "Dropped a result: {error}");
}
