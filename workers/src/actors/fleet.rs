//! The root of the tree: starts the actors, replaces those that fail, and takes the process down in order.

use std::{collections::HashMap, sync::Arc, time::Duration};

use botticelli_control::Heartbeat;
use botticelli_lifecycle::Shutdown;
use botticelli_queue::{Finished, Lease, Wakeup, release_worker};
use botticelli_schedule::Clock;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent, concurrency::JoinHandle};
use sqlx::PgPool;
use tokio::sync::mpsc;

use super::{
    canceller::{Canceller, Hearsay},
    completer::{Completer, CompleterMessage, Settle},
    lease_keeper::{self, LeaseKeeper, LeaseKeeperMessage},
    listener::listen,
    narrative_actor::{self, ActorStatus, NarrativeActor, NarrativeActorMessage},
};
use crate::{
    outcome::{Outcome, chain},
    service::drive,
    shop::{ActorSpec, Shop},
};

/// How long a failed actor's replacement waits, so that one that fails at once does not spin.
const RESPAWN_AFTER: Duration = Duration::from_secs(1);
/// How often the root is asked whether it is there.
const BEAT: Duration = Duration::from_secs(10);
/// How long interrupted jobs get to be handed back when the process must stop now.
const HAND_BACK_TIME: Duration = Duration::from_secs(3);

/// What a fleet needs beside its tools.
#[derive(Clone)]
pub struct FleetOptions {
    /// The lease of this process.
    pub lease: Duration,
    /// How often it is renewed.
    pub heartbeat: Duration,
    /// How often every queue is looked at even if nothing was heard of it.
    pub poll_interval: Duration,
    /// How long jobs in hand may go on once a drain is asked for.
    pub drain_timeout: Duration,
    /// A pool for the lease alone, so that jobs cannot starve it.
    pub lease_pool: PgPool,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The fleet's root could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the worker's actors could not be started")]
pub struct FleetError(#[source] ractor::SpawnErr);

/// The actors of one worker process.
pub struct Fleet {
    root: ActorRef<RootMessage>,
    root_task: JoinHandle<()>,
    listener: tokio::task::JoinHandle<()>,
    beating: tokio::task::JoinHandle<()>,
    shop: Arc<Shop>,
    options: FleetOptions,
}

impl Fleet {
    /// Starts one narrative actor for each of `actors`, with everything around them. `heartbeat` is ticked for as long as
    /// the root of the tree answers.
    ///
    /// # Errors
    ///
    /// [`FleetError`] when the root actor cannot be started.
    pub async fn start(
        shop: Arc<Shop>,
        actors: Vec<ActorSpec>,
        options: FleetOptions,
        heartbeat: Heartbeat,
    ) -> Result<Self, FleetError> {
        let arguments = RootArguments {
            shop: Arc::clone(&shop),
            actors,
            options: options.clone(),
        };
        let (root, root_task) = Actor::spawn(None, Root, arguments).await.map_err(FleetError)?;
        let wake = root.clone();
        let canceller = Canceller {
            pool: shop.pool.clone(),
            identity: shop.identity.clone(),
            running: shop.running.clone(),
            poll_interval: options.poll_interval,
        };
        // It ends with the listener, which alone can tell it something.
        let (hearsay, heard_of) = mpsc::unbounded_channel();
        tokio::spawn(canceller.run(heard_of));
        let listener = tokio::spawn(listen(shop.pool.clone(), move |heard| match heard {
            Some(Wakeup::Cancelled(job)) => drop(hearsay.send(Hearsay::Of(job))),
            Some(Wakeup::Queue(queue)) => drop(wake.cast(RootMessage::Wake(Some(queue)))),
            None => {
                wake.cast(RootMessage::Wake(None)).ok();
                hearsay.send(Hearsay::Unknown).ok();
            }
        }));
        let beating = tokio::spawn(beat(root.clone(), heartbeat));
        Ok(Self {
            root,
            root_task,
            listener,
            beating,
            shop,
            options,
        })
    }

    /// What each actor is doing in this process.
    pub async fn status(&self) -> Vec<ActorStatus> {
        ractor::call!(self.root, RootMessage::GetStatus).unwrap_or_default()
    }

    /// Says something to one actor; nothing happens when this process does not serve it.
    pub fn tell(&self, actor: &str, message: NarrativeActorMessage) {
        self.root.cast(RootMessage::Tell(Arc::from(actor), message)).ok();
    }

    /// Stops in order: claims nothing more, lets jobs end for as long as the drain may take (or until `shutdown` says
    /// stop), hands back the rest without using up a try, and releases the lease.
    pub async fn drain(self, shutdown: &Shutdown) {
        let drained = async {
            ractor::call!(self.root, RootMessage::Drain).ok();
        };
        tokio::pin!(drained);
        let ended = tokio::select! {
            () = &mut drained => true,
            () = shutdown.stopping() => false,
            () = tokio::time::sleep(self.options.drain_timeout) => false,
        };
        if !ended {
            self.shop.identity.interrupt_jobs();
            if tokio::time::timeout(HAND_BACK_TIME, drained).await.is_err() {
                tracing::warn!("Some jobs could not be handed back in time; the end of the lease returns them");
            }
        }
        self.listener.abort();
        self.beating.abort();
        self.root.stop(None);
        self.root_task.await.ok();
        let worker = self.shop.identity.current();
        if let Err(error) = release_worker(&self.options.lease_pool, worker).await {
            tracing::warn!(
                error = chain(&error),
                "Could not release worker {worker}; its lease ends by itself"
            );
        }
    }
}

/// Ticks the heartbeat as long as the root answers; a root that is stuck or gone makes the process look dead, as it is.
async fn beat(root: ActorRef<RootMessage>, heartbeat: Heartbeat) {
    loop {
        if ractor::call_t!(root, RootMessage::GetStatus, 5_000).is_ok() {
            heartbeat.tick();
        }
        tokio::time::sleep(BEAT).await;
    }
}

enum RootMessage {
    Wake(Option<String>),
    Settle(Box<Finished<Outcome>>),
    Settled(Arc<str>, Lease),
    Tell(Arc<str>, NarrativeActorMessage),
    GetStatus(RpcReplyPort<Vec<ActorStatus>>),
    Drain(RpcReplyPort<()>),
    Respawn(Part),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    LeaseKeeper,
    Completer,
    Narrative(Arc<str>),
}

struct RootArguments {
    shop: Arc<Shop>,
    actors: Vec<ActorSpec>,
    options: FleetOptions,
}

struct RootState {
    shop: Arc<Shop>,
    options: FleetOptions,
    specs: HashMap<Arc<str>, Arc<ActorSpec>>,
    lease_keeper: Option<ActorRef<LeaseKeeperMessage>>,
    completer: Option<ActorRef<CompleterMessage>>,
    narrative_actors: HashMap<Arc<str>, ActorRef<NarrativeActorMessage>>,
    finished: mpsc::UnboundedSender<Finished<Outcome>>,
    draining: bool,
}

struct Root;

impl Actor for Root {
    type Msg = RootMessage;
    type State = RootState;
    type Arguments = RootArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<RootMessage>,
        arguments: RootArguments,
    ) -> Result<RootState, ActorProcessingErr> {
        let RootArguments { shop, actors, options } = arguments;
        let (finished, mut results) = mpsc::unbounded_channel();
        let root = myself.clone();
        tokio::spawn(async move {
            while let Some(result) = results.recv().await {
                root.cast(RootMessage::Settle(Box::new(result))).ok();
            }
        });
        let specs = actors
            .into_iter()
            .map(|spec| (Arc::clone(&spec.name), Arc::new(spec)))
            .collect();
        let mut state = RootState {
            shop,
            options,
            specs,
            lease_keeper: None,
            completer: None,
            narrative_actors: HashMap::new(),
            finished,
            draining: false,
        };
        // The lease first: nothing can be claimed without it.
        let names: Vec<Part> = state.specs.keys().cloned().map(Part::Narrative).collect();
        for part in [Part::LeaseKeeper, Part::Completer].into_iter().chain(names) {
            state.spawn(&myself, &part).await?;
        }
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<RootMessage>,
        message: RootMessage,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RootMessage::Wake(queue) => {
                for (name, actor) in &state.narrative_actors {
                    if queue.as_deref().is_none_or(|queue| queue == &**name) {
                        actor.cast(NarrativeActorMessage::Execute).ok();
                    }
                }
            }
            RootMessage::Tell(name, message) => {
                if let Some(actor) = state.narrative_actors.get(&name) {
                    actor.cast(message).ok();
                }
            }
            RootMessage::Settle(finished) => state.settle(&myself, *finished),
            RootMessage::Settled(queue, lease) => {
                if let Some(actor) = state.narrative_actors.get(&queue) {
                    actor.cast(NarrativeActorMessage::Finished(lease)).ok();
                }
            }
            RootMessage::GetStatus(reply) => {
                let actors: Vec<_> = state.narrative_actors.values().cloned().collect();
                tokio::spawn(async move {
                    let mut statuses = Vec::with_capacity(actors.len());
                    for actor in actors {
                        statuses.extend(ractor::call_t!(actor, NarrativeActorMessage::GetStatus, 1_000));
                    }
                    statuses.sort_by(|a, b| a.name.cmp(&b.name));
                    reply.send(statuses).ok();
                });
            }
            RootMessage::Drain(reply) => {
                state.draining = true;
                let actors: Vec<_> = state.narrative_actors.values().cloned().collect();
                tokio::spawn(async move {
                    let drains = actors.iter().map(|actor| async move {
                        ractor::call!(actor, NarrativeActorMessage::Shutdown).ok();
                    });
                    futures_util::future::join_all(drains).await;
                    reply.send(()).ok();
                });
            }
            RootMessage::Respawn(part) => {
                if state.spawn(&myself, &part).await.is_err() {
                    drop(myself.send_after(RESPAWN_AFTER, move || RootMessage::Respawn(part)));
                }
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<RootMessage>,
        event: SupervisionEvent,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        let (failed, reason) = match event {
            SupervisionEvent::ActorFailed(actor, error) => (actor, error.to_string()),
            SupervisionEvent::ActorTerminated(actor, ..) if !state.draining => (actor, "it ended".to_owned()),
            _ => return Ok(()),
        };
        if let Some(part) = state.part_of(&failed) {
            tracing::error!("The {part:?} of this worker failed ({reason}); replacing it");
            if part == Part::LeaseKeeper {
                state.shop.identity.renounce();
            } else if let Some(keeper) = &state.lease_keeper {
                // With it went results that were not recorded, or the knowledge of what is in hand: the fleet runs those
                // jobs again.
                keeper.cast(LeaseKeeperMessage::Renounce).ok();
            }
            drop(myself.send_after(RESPAWN_AFTER, move || RootMessage::Respawn(part)));
        }
        Ok(())
    }
}

impl RootState {
    async fn spawn(&mut self, myself: &ActorRef<RootMessage>, part: &Part) -> Result<(), ractor::SpawnErr> {
        let root = myself.get_cell();
        match part {
            Part::LeaseKeeper => {
                let arguments = lease_keeper::Arguments {
                    pool: self.options.lease_pool.clone(),
                    identity: self.shop.identity.clone(),
                    worker_name: Arc::clone(&self.shop.worker_name),
                    lease: self.options.lease,
                    heartbeat: self.options.heartbeat,
                };
                self.lease_keeper = Some(Actor::spawn_linked(None, LeaseKeeper, arguments, root).await?.0);
            }
            Part::Completer => {
                self.completer = Some(
                    Actor::spawn_linked(None, Completer, Arc::clone(&self.shop), root)
                        .await?
                        .0,
                );
            }
            Part::Narrative(name) => {
                if let Some(spec) = self.specs.get(name) {
                    let (jobs, claimed) = mpsc::channel(usize::from(spec.slots));
                    tokio::spawn(drive(
                        Arc::clone(&self.shop),
                        Arc::clone(spec),
                        claimed,
                        self.finished.clone(),
                    ));
                    let arguments = narrative_actor::Arguments {
                        shop: Arc::clone(&self.shop),
                        actor: Arc::clone(spec),
                        jobs,
                        poll_interval: self.options.poll_interval,
                    };
                    let (actor, _) = Actor::spawn_linked(None, NarrativeActor, arguments, root).await?;
                    self.narrative_actors.insert(Arc::clone(name), actor);
                }
            }
        }
        Ok(())
    }

    fn settle(&self, myself: &ActorRef<RootMessage>, finished: Finished<Outcome>) {
        let (queue, lease) = (Arc::clone(&finished.job.queue), finished.job.lease);
        let Some(actor) = self.specs.get(&queue).cloned() else {
            return;
        };
        let root = myself.clone();
        let done = Box::new(move || {
            root.cast(RootMessage::Settled(queue, lease)).ok();
        });
        let settle = Settle {
            finished,
            actor,
            at: self.options.clock.now(),
            done,
            patience: Duration::from_millis(100),
        };
        if let Some(completer) = &self.completer {
            completer.cast(CompleterMessage::Settle(Box::new(settle))).ok();
        }
    }

    fn part_of(&self, actor: &ActorCell) -> Option<Part> {
        let id = actor.get_id();
        if self.lease_keeper.as_ref().is_some_and(|keeper| keeper.get_id() == id) {
            return Some(Part::LeaseKeeper);
        }
        if self
            .completer
            .as_ref()
            .is_some_and(|completer| completer.get_id() == id)
        {
            return Some(Part::Completer);
        }
        let narrative = self.narrative_actors.iter().find(|(_, actor)| actor.get_id() == id);
        narrative.map(|(name, _)| Part::Narrative(Arc::clone(name)))
    }
}
