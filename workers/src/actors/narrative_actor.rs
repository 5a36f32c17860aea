//! The actor of one queue: it claims what it has room for and answers at once; the work happens elsewhere.

use std::{sync::Arc, time::Duration};

use botticelli_queue::{ClaimedJob, claim, hand_back, next_due};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::shop::{ActorSpec, Shop};

/// What a narrative actor is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorStatus {
    /// The actor's name.
    pub name: Arc<str>,
    /// Jobs of it that this process runs.
    pub running: usize,
    /// Jobs of it that this process may run at once.
    pub slots: usize,
    /// Whether it has stopped claiming for good.
    pub is_draining: bool,
}

/// What can be said to a narrative actor.
#[derive(Debug)]
pub enum NarrativeActorMessage {
    /// Claim what is due and run it. Sent by notifications, the poll, and finished jobs; always safe.
    Execute,
    /// Pause the actor, everywhere, for the named person.
    Pause(String),
    /// Let it run again, everywhere.
    Resume,
    /// Say what it is doing here.
    GetStatus(RpcReplyPort<ActorStatus>),
    /// A job of it has been settled; its slot is free.
    Finished,
    /// Claim nothing more; answer when the jobs in hand are settled.
    Shutdown(RpcReplyPort<()>),
}

/// What a narrative actor starts with.
#[derive(Clone)]
pub(super) struct Arguments {
    pub shop: Arc<Shop>,
    pub actor: Arc<ActorSpec>,
    /// Where claimed jobs go; holds as many as there are slots.
    pub jobs: mpsc::Sender<ClaimedJob>,
    pub poll_interval: Duration,
}

pub(super) struct State {
    shop: Arc<Shop>,
    actor: Arc<ActorSpec>,
    jobs: mpsc::Sender<ClaimedJob>,
    poll_interval: Duration,
    running: usize,
    alarm: Option<JoinHandle<Result<(), ractor::MessagingErr<NarrativeActorMessage>>>>,
    shutdown: Option<Vec<RpcReplyPort<()>>>,
    database_failed: bool,
}

/// The claimer of one queue.
pub(super) struct NarrativeActor;

impl Actor for NarrativeActor {
    type Msg = NarrativeActorMessage;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, arguments: Arguments) -> Result<State, ActorProcessingErr> {
        myself.cast(NarrativeActorMessage::Execute)?;
        let Arguments {
            shop,
            actor,
            jobs,
            poll_interval,
        } = arguments;
        Ok(State {
            shop,
            actor,
            jobs,
            poll_interval,
            running: 0,
            alarm: None,
            shutdown: None,
            database_failed: false,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            NarrativeActorMessage::Execute => state.claim(&myself).await,
            NarrativeActorMessage::Finished => {
                state.running = state.running.saturating_sub(1);
                state.answer_shutdown();
                state.claim(&myself).await;
            }
            NarrativeActorMessage::Pause(by) => {
                if let Err(error) = botticelli_actors::pause(&state.shop.pool, &state.actor.name, &by).await {
                    tracing::error!(error = %error, "Could not pause actor {}", state.actor.name);
                }
            }
            NarrativeActorMessage::Resume => {
                if let Err(error) = botticelli_actors::resume(&state.shop.pool, &state.actor.name).await {
                    tracing::error!(error = %error, "Could not resume actor {}", state.actor.name);
                }
            }
            NarrativeActorMessage::GetStatus(reply) => {
                reply.send(state.status()).ok();
            }
            NarrativeActorMessage::Shutdown(reply) => {
                state.shutdown.get_or_insert_default().push(reply);
                state.answer_shutdown();
            }
        }
        // An error here would end the actor and drop its mailbox; whatever fails above is state, not an error.
        Ok(())
    }
}

impl State {
    fn status(&self) -> ActorStatus {
        ActorStatus {
            name: Arc::clone(&self.actor.name),
            running: self.running,
            slots: usize::from(self.actor.slots),
            is_draining: self.shutdown.is_some(),
        }
    }

    fn answer_shutdown(&mut self) {
        if self.running == 0 {
            for reply in self.shutdown.iter_mut().flat_map(|waiting| waiting.drain(..)) {
                reply.send(()).ok();
            }
        }
    }

    /// Claims into the free slots, then sets the alarm for the next job that is due, or for the next poll.
    async fn claim(&mut self, myself: &ActorRef<NarrativeActorMessage>) {
        let free = usize::from(self.actor.slots).saturating_sub(self.running);
        if self.shutdown.is_some() || free == 0 {
            return;
        }
        let worker = self.shop.identity.current();
        let limit = u16::try_from(free).unwrap_or(u16::MAX);
        let wait = match claim(&self.shop.pool, &self.actor.name, limit, worker).await {
            Ok(jobs) => {
                self.report_recovery();
                let claimed = jobs.len();
                for job in jobs {
                    tracing::debug!(job.id = %job.lease.job, job.attempt = job.lease.attempt, "Claimed job {} of {}", job.lease.job, job.queue);
                    match self.jobs.try_send(job) {
                        Ok(()) => self.running += 1,
                        // There is a place for every slot, so the apalis worker behind the channel is gone: the job goes
                        // back, and the root replaces this actor and its worker.
                        Err(refused) => {
                            self.hand_back(refused.into_inner()).await;
                            myself.stop(Some("its apalis worker ended".to_owned()));
                        }
                    }
                }
                if claimed == free {
                    return;
                }
                self.until_next_due().await
            }
            Err(error) => {
                self.report_failure(&error);
                self.poll_interval
            }
        };
        if let Some(alarm) = self
            .alarm
            .replace(myself.send_after(wait, || NarrativeActorMessage::Execute))
        {
            alarm.abort();
        }
    }

    async fn hand_back(&self, job: ClaimedJob) {
        let handed_back = async {
            let mut connection = self.shop.pool.acquire().await.map_err(|error| error.to_string())?;
            hand_back(&mut connection, job.lease)
                .await
                .map_err(|error| error.to_string())
        };
        if let Err(error) = handed_back.await {
            tracing::error!(job.id = %job.lease.job, error, "Could not hand job {} back", job.lease.job);
        }
    }

    async fn until_next_due(&mut self) -> Duration {
        match next_due(&self.shop.pool, &self.actor.name).await {
            // Due, yet not claimed: paused, or locked by another claimer. Waiting for the poll keeps this from spinning.
            Ok(Some(wait)) if wait.is_zero() => self.poll_interval,
            Ok(Some(wait)) => wait.min(self.poll_interval),
            Ok(None) => self.poll_interval,
            Err(error) => {
                self.report_failure(&error);
                self.poll_interval
            }
        }
    }

    /// Says once that the database is gone, and once that it is back.
    fn report_failure(&mut self, error: &botticelli_queue::QueueError) {
        if !std::mem::replace(&mut self.database_failed, true) {
            let text = crate::outcome::chain(error);
            tracing::error!(queue.name = %self.actor.name, error = text, "Queue {} cannot be read; trying on", self.actor.name);
        }
    }

    fn report_recovery(&mut self) {
        if std::mem::take(&mut self.database_failed) {
            tracing::info!(queue.name = %self.actor.name, "Queue {} can be read again", self.actor.name);
        }
    }
}
