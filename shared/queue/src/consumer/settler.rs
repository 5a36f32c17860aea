//! Records ends, as many in one statement as have come together while the last one ran.

use std::{error::Error, sync::Arc, time::Duration};

use apalis_core::error::BoxDynError;
use botticelli_database::ANSWER_LIMIT;
use serde_json::Value;
use sqlx::{Connection, PgConnection, Postgres, pool::PoolConnection};
use tokio::sync::mpsc;

use super::{Answer, HandlerError, Shared, chain};
use crate::{
    ClaimedJob, Finished, Lease, QueueError, complete_all, discard, json_text::fitting, refusal::is_refusal, retry,
    save_result, snooze,
};

/// Ends recorded together at most.
const LARGEST_FLUSH: usize = 4000;
/// The longest wait between tries to record while the database is away.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Settles what finishes until all who could finish something are gone.
pub(super) async fn settle_all<R: Answer>(shared: Arc<Shared>, mut results: mpsc::UnboundedReceiver<Finished<R>>) {
    let mut finished = Vec::with_capacity(LARGEST_FLUSH);
    let mut settler = Settler {
        shared,
        connection: None,
    };
    while results.recv_many(&mut finished, LARGEST_FLUSH).await > 0 {
        let mut done = Vec::with_capacity(finished.len());
        for Finished { job, result } in &finished {
            match result {
                Ok(answer) => match answer.result().map(|result| (result, fitting(result))) {
                    None => done.push(Done { job, result: None }),
                    Some((result, Ok(()))) => done.push(Done {
                        job,
                        result: Some(result),
                    }),
                    Some((_, Err(reason))) => settler.give_up(job, &format!("the result {reason}")).await,
                },
                Err(error) => settler.settle(job, &End::Failed(job, error)).await,
            }
        }
        settler.complete(&done).await;
        // Neighbours in a claim mostly end together.
        for of_claim in finished.chunk_by(|a, b| a.job.lease.claim == b.job.lease.claim) {
            settler.shared.settled(of_claim[0].job.lease.claim, of_claim.len());
        }
        if finished.iter().any(|end| end.job.is_suspect) {
            settler.shared.suspect_ended();
        }
        finished.clear();
        settler.shared.lend(&mut settler.connection);
    }
}

/// A job that is done, and what came of it.
struct Done<'a> {
    job: &'a ClaimedJob,
    result: Option<&'a Value>,
}

enum End<'a> {
    Completed(&'a [Done<'a>]),
    Failed(&'a ClaimedJob, &'a BoxDynError),
}

struct Settler {
    shared: Arc<Shared>,
    /// Kept: to take it from the pool each time would be a round trip each time.
    connection: Option<PoolConnection<Postgres>>,
}

impl Settler {
    /// Completes jobs together; one by one if the database refuses something of them.
    async fn complete(&mut self, done: &[Done<'_>]) {
        if self.record(&End::Completed(done)).await.is_ok() {
            return;
        }
        for one in done {
            self.settle(one.job, &End::Completed(std::slice::from_ref(one))).await;
        }
    }

    /// Records the end of one job. When the database refuses it and always will, the job is given up instead.
    async fn settle(&mut self, job: &ClaimedJob, end: &End<'_>) {
        if let Err(reason) = self.record(end).await {
            self.give_up(job, &format!("the end of the job could not be recorded: {reason}"))
                .await;
        }
    }

    async fn give_up(&mut self, job: &ClaimedJob, reason: &str) {
        let error: BoxDynError = Box::new(HandlerError::Discard(reason.to_owned()));
        if let Err(reason) = self.record(&End::Failed(job, &error)).await {
            let id = job.lease.job;
            tracing::error!(job.id = %id, error = reason, "Gave up job {id}: not even its discarding could be recorded");
        }
    }

    /// Records until the database has taken it. A lease that is lost ends this too. The error is why the database never will.
    async fn record(&mut self, end: &End<'_>) -> Result<(), String> {
        let mut wait = Duration::from_millis(100);
        loop {
            let recorded = tokio::time::timeout(ANSWER_LIMIT, self.try_to_record(end)).await;
            let error: Box<dyn Error + Send + Sync> = match recorded {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(QueueError::LeaseLost(lease))) => {
                    report_lost(lease);
                    return Ok(());
                }
                Ok(Err(error)) if is_refused(&error) => return Err(chain(&error)),
                Ok(Err(error)) => Box::new(error),
                Err(elapsed) => Box::new(elapsed),
            };
            // It may be in the middle of something, a transaction perhaps.
            if let Some(mut connection) = self.connection.take() {
                connection.close_on_drop();
            }
            let queue = &self.shared.queue;
            tracing::error!(queue.name = %queue, error = &*error as &dyn Error, "Could not record ends of jobs of {queue} yet");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn try_to_record(&mut self, end: &End<'_>) -> Result<(), QueueError> {
        let shared = Arc::clone(&self.shared);
        let connection: &mut PgConnection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(shared.connection().await?),
        };
        let (job, error) = match end {
            End::Completed(done) => {
                for lease in complete_with_results(connection, done).await? {
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
            None => retry(connection, job, back_off(), &chain(&***error)).await.map(drop),
        }
    }
}

/// Whether recording the end again must be refused again.
fn is_refused(error: &QueueError) -> bool {
    match error {
        QueueError::Invalid(_) => true,
        QueueError::Database {
            source: sqlx::Error::Database(refusal),
            ..
        } => refusal.code().is_some_and(|code| is_refusal(&code)),
        _ => false,
    }
}

/// Completes jobs and keeps their results in one transaction. Gives the leases that are lost.
async fn complete_with_results(connection: &mut PgConnection, done: &[Done<'_>]) -> Result<Vec<Lease>, QueueError> {
    let leases: Vec<Lease> = done.iter().map(|done| done.job.lease).collect();
    if done.iter().all(|done| done.result.is_none()) {
        return complete_all(connection, &leases).await;
    }
    let failed = || QueueError::while_doing("complete jobs");
    let mut transaction = connection.begin().await.map_err(failed())?;
    let lost = complete_all(&mut transaction, &leases).await?;
    for Done { job, result } in done {
        if let Some(result) = result.filter(|_| !lost.contains(&job.lease)) {
            save_result(&mut transaction, job.lease, result).await?;
        }
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
