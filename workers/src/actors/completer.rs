//! The actor that records how jobs ended, and keeps trying while the database is away.

use std::{sync::Arc, time::Duration};

use botticelli_actors::Outcome as Ended;
use botticelli_database::ANSWER_LIMIT;
use botticelli_queue::Finished;
use botticelli_telemetry::Status;
use chrono::{DateTime, Utc};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::{
    outcome::{Outcome, chain},
    record::{Recorded, record, record_refused},
    record_error::RecordError,
    shop::{ActorSpec, Shop},
};

/// A job that ended and whose end is not recorded yet.
pub(super) struct Settle {
    pub finished: Finished<Outcome>,
    pub actor: Arc<ActorSpec>,
    /// When the handler was done.
    pub at: DateTime<Utc>,
    /// Called once the job is off this process's hands.
    pub done: Box<dyn FnOnce() + Send>,
    /// How long to wait before the next try to record it.
    pub patience: Duration,
}

impl std::fmt::Debug for Settle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settle")
            .field("lease", &self.finished.job.lease)
            .finish_non_exhaustive()
    }
}

/// Records the ends of jobs.
pub(super) struct Completer;

impl Actor for Completer {
    type Msg = Settle;
    type State = Arc<Shop>;
    type Arguments = Arc<Shop>;

    async fn pre_start(&self, _: ActorRef<Settle>, shop: Arc<Shop>) -> Result<Arc<Shop>, ActorProcessingErr> {
        Ok(shop)
    }

    async fn handle(
        &self,
        myself: ActorRef<Settle>,
        mut settle: Settle,
        shop: &mut Arc<Shop>,
    ) -> Result<(), ActorProcessingErr> {
        let job = &settle.finished.job;
        let mut recorded = in_time(record(shop, &settle.actor, &settle.finished)).await;
        if let Err(RecordError::Refused(error)) = &recorded {
            let reason = chain(&**error);
            tracing::error!(job.id = %job.lease.job, error = reason, "The end of job {} cannot be recorded; discarding it", job.lease.job);
            recorded = in_time(record_refused(shop, &settle.actor, job, &reason)).await;
        }
        match recorded {
            Ok(recorded) => {
                report(shop, &settle, &recorded);
                (settle.done)();
            }
            Err(RecordError::LeaseLost(error)) => {
                tracing::warn!(job.id = %job.lease.job, job.attempt = job.lease.attempt, "Dropped a result: {error}");
                (settle.done)();
            }
            Err(RecordError::Refused(error)) => {
                tracing::error!(job.id = %job.lease.job, error = chain(&*error), "Gave up job {}: not even its discarding could be recorded", job.lease.job);
                (settle.done)();
            }
            Err(RecordError::Database(error)) => {
                tracing::error!(job.id = %job.lease.job, error = chain(&*error), "Could not record the end of job {} yet", job.lease.job);
                let wait = settle.patience;
                settle.patience = (wait * 2).min(Duration::from_secs(5));
                // Not awaited: other jobs' ends need not wait for this one's turn.
                drop(myself.send_after(wait, move || settle));
            }
        }
        Ok(())
    }
}

/// Gives the database its own statement timeout and some more. A server that is gone without a word would otherwise hold
/// up the ends of all jobs for ever.
async fn in_time(recording: impl Future<Output = Result<Recorded, RecordError>>) -> Result<Recorded, RecordError> {
    let recorded = tokio::time::timeout(ANSWER_LIMIT, recording).await;
    recorded.unwrap_or_else(|elapsed| Err(RecordError::Database(Box::new(elapsed))))
}

/// Counts and logs a recorded end, once. Gauges about the actor as a whole are the scheduler's: no worker sees all of it.
fn report(shop: &Shop, settle: &Settle, recorded: &Recorded) {
    let (job, actor) = (&settle.finished.job, &settle.actor.name);
    let lease = job.lease;
    let status = match recorded.outcome {
        Ended::Success => Status::Success,
        Ended::Failure => Status::Failure,
        Ended::Skipped => Status::Skipped,
        Ended::Interrupted => {
            let reason = recorded.message.as_deref().unwrap_or_default();
            tracing::info!(job.id = %lease.job, job.attempt = lease.attempt, "Job {} of {actor} was interrupted: {reason}", lease.job);
            return;
        }
    };
    let duration = (settle.at - job.claimed_at).to_std().unwrap_or_default();
    shop.metrics.execution_finished(
        actor,
        status,
        duration,
        u64::from(recorded.succeeded),
        u64::from(recorded.failed),
    );
    if recorded.breaker_tripped {
        shop.metrics.breaker_tripped(actor);
        tracing::error!(actor.name = %actor, "Paused actor {actor}: its breaker opened after {} failures in a row; one run may try again in {:?}, or at once after `botticelli resume {actor}`", recorded.consecutive_failures.unwrap_or(0), settle.actor.breaker.cooldown);
    }
    let message = recorded.message.as_deref().unwrap_or_default();
    let (id, attempt) = (lease.job, lease.attempt);
    match status {
        Status::Failure => {
            tracing::error!(job.id = %id, job.attempt = attempt, error = message, "Run of {actor} failed: {message}");
        }
        Status::Skipped => tracing::debug!(job.id = %id, "Run of {actor} skipped: {message}"),
        Status::Success => {
            let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(job.id = %id, job.attempt = attempt, duration_ms, "Completed job {id} of {actor}");
        }
    }
}
