//! The actor of one queue: it claims what it has room for and answers at once; the work happens elsewhere.

use std::{collections::HashSet, sync::Arc, time::Duration};

use botticelli_database::ANSWER_LIMIT;
use botticelli_queue::{
    ClaimId, Claimed, ClaimedJob, Lease, Room, StrayWatch, WorkerId, claim, hand_back, promote, put_back_strays,
};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::shop::{ActorSpec, Shop};

/// The first wait for a job that is due and was not claimed.
const FIRST_PATIENCE: Duration = Duration::from_millis(10);

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
    /// Claim what is due and run it. Sent by notifications and by the alarm; always safe.
    Execute,
    /// Pause the actor, everywhere, for the named person.
    Pause(String),
    /// Let it run again, everywhere.
    Resume,
    /// Say what it is doing here.
    GetStatus(RpcReplyPort<ActorStatus>),
    /// A job of it has been settled; its slot is free.
    Finished(Lease),
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
    /// The claims that this process has to settle. What else is claimed under its identity got lost on the way here.
    in_hand: HashSet<Lease>,
    /// The one of them whose last worker was lost, if there is one.
    suspect: Option<Lease>,
    /// Whether a claim or a hand-back ended in a way that may have left such jobs.
    strays: StrayWatch,
    /// Whether the end of a job has made it send itself a message to claim.
    is_to_claim: bool,
    /// How long to wait before the next look at jobs that are due and cannot be claimed.
    patience: Duration,
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
            in_hand: HashSet::new(),
            suspect: None,
            strays: StrayWatch::new(poll_interval),
            is_to_claim: false,
            patience: FIRST_PATIENCE,
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
            NarrativeActorMessage::Execute => {
                state.is_to_claim = false;
                state.claim_in_time(&myself).await;
            }
            NarrativeActorMessage::Finished(lease) => {
                // One that an earlier actor of this queue claimed is not among them.
                state.in_hand.remove(&lease);
                state.answer_shutdown();
                // Behind those that have ended together, whose slots are filled by one claim.
                if !std::mem::replace(&mut state.is_to_claim, true) {
                    myself.cast(NarrativeActorMessage::Execute).ok();
                }
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
            running: self.in_hand.len(),
            slots: usize::from(self.actor.slots),
            is_draining: self.shutdown.is_some(),
        }
    }

    fn answer_shutdown(&mut self) {
        if self.in_hand.is_empty() {
            for reply in self.shutdown.iter_mut().flat_map(|waiting| waiting.drain(..)) {
                reply.send(()).ok();
            }
        }
    }

    /// Claims, but does not wait for ever for a server that is gone without a word.
    async fn claim_in_time(&mut self, myself: &ActorRef<NarrativeActorMessage>) {
        if tokio::time::timeout(ANSWER_LIMIT, self.claim(myself)).await.is_err() {
            tracing::error!(queue.name = %self.actor.name, "Queue {} did not answer in time; trying on", self.actor.name);
            // The answer that did not come may have been a claim.
            self.strays.begin();
            self.set_alarm(myself, self.poll_interval);
        }
    }

    /// Claims into the free slots, then sets the alarm for the next job that is due, or for the next poll.
    async fn claim(&mut self, myself: &ActorRef<NarrativeActorMessage>) {
        let worker = self.shop.identity.current();
        if !self.put_back_strays(worker).await {
            return self.set_alarm(myself, self.poll_interval);
        }
        if self.shutdown.is_some() {
            return;
        }
        // The ends of jobs of an identity that was given up may never be told here; their slots are free all the same.
        self.in_hand.retain(|lease| lease.worker == worker);
        let free = usize::from(self.actor.slots).saturating_sub(self.in_hand.len());
        if free == 0 {
            // The end of a job claims again. Should nobody tell of it, this does.
            return self.set_alarm(myself, self.poll_interval);
        }
        self.suspect = self.suspect.filter(|suspect| self.in_hand.contains(suspect));
        let room = Room {
            jobs: u16::try_from(free).unwrap_or(u16::MAX),
            takes_suspect: self.suspect.is_none(),
        };
        let wait = match claim(&self.shop.pool, &self.actor.name, room, worker).await {
            Ok(Claimed { jobs, next_due }) => {
                self.report_recovery();
                let claimed = jobs.len();
                for job in jobs {
                    tracing::debug!(job.id = %job.lease.job, job.attempt = job.lease.attempt, "Claimed job {} of {}", job.lease.job, job.queue);
                    let lease = job.lease;
                    if job.is_suspect {
                        self.suspect = Some(lease);
                    }
                    match self.jobs.try_send(job) {
                        Ok(()) => drop(self.in_hand.insert(lease)),
                        // There is a place for every slot, so the apalis worker behind the channel is gone: the job goes
                        // back, and the root replaces this actor and its worker.
                        Err(refused) => {
                            self.hand_back(refused.into_inner()).await;
                            myself.stop(Some("its apalis worker ended".to_owned()));
                        }
                    }
                }
                if claimed > 0 {
                    self.patience = FIRST_PATIENCE;
                }
                if claimed == free {
                    self.poll_interval
                } else {
                    self.until(next_due).await
                }
            }
            Err(error) => {
                self.strays.begin();
                self.report_failure(&error);
                self.poll_interval
            }
        };
        self.set_alarm(myself, wait);
    }

    fn set_alarm(&mut self, myself: &ActorRef<NarrativeActorMessage>, wait: Duration) {
        let wait = wait.min(self.strays.next_look());
        let alarm = myself.send_after(wait, || NarrativeActorMessage::Execute);
        if let Some(earlier) = self.alarm.replace(alarm) {
            earlier.abort();
        }
    }

    /// Returns what is claimed under this identity and is not in hand, if there may be such jobs. `false` when the database
    /// did not answer.
    async fn put_back_strays(&mut self, worker: WorkerId) -> bool {
        if !self.strays.is_due() {
            return true;
        }
        let in_hand: Vec<ClaimId> = self.in_hand.iter().map(|lease| lease.claim).collect();
        match put_back_strays(&self.shop.pool, &self.actor.name, worker, &in_hand).await {
            Ok(strays) => {
                self.strays.looked();
                if strays > 0 {
                    tracing::warn!(queue.name = %self.actor.name, strays, "Put {strays} jobs of {} back whose claim had been lost", self.actor.name);
                }
            }
            Err(error) => {
                self.strays.begin();
                self.report_failure(&error);
                return false;
            }
        }
        true
    }

    async fn hand_back(&mut self, job: ClaimedJob) {
        let handed_back = async {
            let mut connection = self.shop.pool.acquire().await.map_err(|error| error.to_string())?;
            hand_back(&mut connection, job.lease)
                .await
                .map_err(|error| error.to_string())
        };
        if let Err(error) = handed_back.await {
            self.strays.begin();
            tracing::error!(job.id = %job.lease.job, error, "Could not hand job {} back", job.lease.job);
        }
    }

    /// How long to wait for a job that is due in `next_due`, which is made ready if it is due already.
    async fn until(&mut self, next_due: Option<Duration>) -> Duration {
        if next_due != Some(Duration::ZERO) {
            self.patience = FIRST_PATIENCE;
            return next_due.map_or(self.poll_interval, |wait| wait.min(self.poll_interval));
        }
        match promote(&self.shop.pool, &self.actor.name).await {
            // Somebody else is making it ready just now, and may have no room for it.
            Ok(0) => {
                let wait = self.patience;
                self.patience = (wait * 2).min(self.poll_interval);
                wait
            }
            Ok(_) => Duration::ZERO,
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
