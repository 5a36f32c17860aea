//! Records ends, as many in one statement as have come together while the last one ran.

use std::{error::Error, sync::Arc, time::Duration};

use apalis_core::error::BoxDynError;
use sqlx::{PgConnection, Postgres, pool::PoolConnection};
use tokio::sync::mpsc;

use super::{HandlerError, Shared, chain};
use crate::{ClaimedJob, Finished, Lease, QueueError, complete_all, discard, retry, snooze};

/// Ends recorded together at most.
const LARGEST_FLUSH: usize = 4000;
/// The longest wait between tries to record while the database is away.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Settles what finishes until all who could finish something are gone.
pub(super) async fn settle_all(shared: Arc<Shared>, mut results: mpsc::UnboundedReceiver<Finished<()>>) {
    let mut finished = Vec::with_capacity(LARGEST_FLUSH);
    // Kept: to take it from the pool each time would be a round trip each time.
    let mut connection = None;
    while results.recv_many(&mut finished, LARGEST_FLUSH).await > 0 {
        let completed: Vec<Lease> = finished
            .iter()
            .filter(|end| end.result.is_ok())
            .map(|end| end.job.lease)
            .collect();
        record(&shared, &mut connection, &End::Completed(&completed)).await;
        for end in &finished {
            if let Err(error) = &end.result {
                record(&shared, &mut connection, &End::Failed(&end.job, error)).await;
            }
        }
        // Neighbours in a claim mostly end together.
        for of_claim in finished.chunk_by(|a, b| a.job.lease.claim == b.job.lease.claim) {
            shared.settled(of_claim[0].job.lease.claim, of_claim.len());
        }
        finished.clear();
        shared.lend(&mut connection);
    }
}

enum End<'a> {
    Completed(&'a [Lease]),
    Failed(&'a ClaimedJob, &'a BoxDynError),
}

/// Records until the database has taken it. A lease that is lost ends this too.
async fn record(shared: &Shared, connection: &mut Option<PoolConnection<Postgres>>, end: &End<'_>) {
    let mut wait = Duration::from_millis(100);
    loop {
        match try_to_record(shared, connection, end).await {
            Ok(()) => return,
            Err(QueueError::LeaseLost(lease)) => return report_lost(lease),
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
        End::Completed(leases) => {
            for lease in complete_all(connection, leases).await? {
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
