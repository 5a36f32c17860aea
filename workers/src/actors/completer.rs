//! The actor that records how jobs ended, and keeps trying while the database is away.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use botticelli_actors::Outcome as Ended;
use botticelli_database::MOST_TOGETHER;
use botticelli_queue::Finished;
use botticelli_telemetry::Status;
use chrono::{DateTime, Utc};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::{
    outcome::{Outcome, chain},
    record::{EndedRun, Recorded, record_refused},
    record_error::RecordError,
    shop::{ActorSpec, Shop},
    together::{in_time, write_all},
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

impl Settle {
    fn ended(&self) -> EndedRun<'_> {
        EndedRun {
            actor: &self.actor,
            finished: &self.finished,
        }
    }
}

impl std::fmt::Debug for Settle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settle")
            .field("lease", &self.finished.job.lease)
            .finish_non_exhaustive()
    }
}

/// What can be said to the completer.
#[derive(Debug)]
pub(super) enum CompleterMessage {
    /// A job ended.
    Settle(Box<Settle>),
    /// Record what has come together. It comes behind the ends that were told until it was sent.
    Record,
}

/// Records the ends of jobs, those together that came while the last ones were recorded.
pub(super) struct Completer;

pub(super) struct State {
    shop: Arc<Shop>,
    /// The ends that are to be recorded. Not empty: [`CompleterMessage::Record`] is on its way.
    waiting: VecDeque<Settle>,
}

impl Actor for Completer {
    type Msg = CompleterMessage;
    type State = State;
    type Arguments = Arc<Shop>;

    async fn pre_start(&self, _: ActorRef<CompleterMessage>, shop: Arc<Shop>) -> Result<State, ActorProcessingErr> {
        let waiting = VecDeque::new();
        Ok(State { shop, waiting })
    }

    async fn handle(
        &self,
        myself: ActorRef<CompleterMessage>,
        message: CompleterMessage,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            CompleterMessage::Settle(settle) => {
                if state.waiting.is_empty() {
                    myself.cast(CompleterMessage::Record).ok();
                }
                state.waiting.push_back(*settle);
            }
            CompleterMessage::Record => {
                let many = state.waiting.len().min(MOST_TOGETHER);
                let some = state.waiting.drain(..many).collect();
                settle_all(&myself, &state.shop, some).await;
                if !state.waiting.is_empty() {
                    myself.cast(CompleterMessage::Record).ok();
                }
            }
        }
        Ok(())
    }
}

async fn settle_all(myself: &ActorRef<CompleterMessage>, shop: &Shop, mut settles: Vec<Settle>) {
    // In one order, so that two processes that end jobs of the same actors wait for one another and not each for the other.
    settles.sort_by(|one, other| one.actor.name.cmp(&other.actor.name));
    let (together, alone): (Vec<_>, Vec<_>) = settles.into_iter().partition(|settle| settle.ended().only_completes());
    record_together(myself, shop, together).await;
    for settle in alone {
        record_together(myself, shop, vec![settle]).await;
    }
}

async fn record_together(myself: &ActorRef<CompleterMessage>, shop: &Shop, settles: Vec<Settle>) {
    let ends: Vec<EndedRun<'_>> = settles.iter().map(Settle::ended).collect();
    let recorded = write_all(shop, &ends.iter().collect::<Vec<_>>()).await;
    for (settle, recorded) in settles.into_iter().zip(recorded) {
        settled(myself, shop, settle, recorded).await;
    }
}

/// Goes on with a job whose end was recorded, or was not.
async fn settled(
    myself: &ActorRef<CompleterMessage>,
    shop: &Shop,
    mut settle: Settle,
    mut recorded: Result<Recorded, RecordError>,
) {
    let job = &settle.finished.job;
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
        Err(error @ RecordError::LeaseLost(_)) => {
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
            drop(myself.send_after(wait, move || CompleterMessage::Settle(Box::new(settle))));
        }
    }
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
