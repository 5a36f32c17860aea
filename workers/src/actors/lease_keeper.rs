//! The actor that keeps this process's lease, whatever its jobs are doing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use botticelli_queue::{WorkerId, register_worker, release_worker, renew_lease};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use sqlx::PgPool;

use crate::{identity::Identity, outcome::chain};

/// What can be said to the lease keeper.
#[derive(Debug, Clone, Copy)]
pub(super) enum LeaseKeeperMessage {
    /// Renew the lease, or register when there is none.
    Renew,
    /// Something that held jobs is gone: let the fleet have them.
    Renounce,
}

/// What the lease keeper starts with.
pub(super) struct Arguments {
    /// A pool of its own, so that jobs cannot starve the heartbeat.
    pub pool: PgPool,
    pub identity: Identity,
    pub worker_name: Arc<str>,
    pub lease: Duration,
    pub heartbeat: Duration,
}

pub(super) struct State {
    arguments: Arguments,
    renewals: u64,
    /// The last renewal that the database confirmed; 0 when the identity is not registered. Shared with the timers that
    /// end a lease, which must not wait behind a renewal that hangs.
    confirmed: Arc<AtomicU64>,
    database_failed: bool,
}

/// The keeper of the lease.
pub(super) struct LeaseKeeper;

impl Actor for LeaseKeeper {
    type Msg = LeaseKeeperMessage;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, arguments: Arguments) -> Result<State, ActorProcessingErr> {
        let confirmed = Arc::new(AtomicU64::new(0));
        let mut state = State {
            arguments,
            renewals: 0,
            confirmed,
            database_failed: false,
        };
        state.renew(&myself).await;
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            LeaseKeeperMessage::Renew => state.renew(&myself).await,
            LeaseKeeperMessage::Renounce => {
                let old = state.lose("a part of this process failed");
                // Rescue need not wait for the lease to end.
                let released = release_worker(&state.arguments.pool, old);
                let released = tokio::time::timeout(state.arguments.heartbeat, released).await;
                if !matches!(released, Ok(Ok(()))) {
                    tracing::warn!("Could not release worker {old}; its lease ends by itself");
                }
            }
        }
        Ok(())
    }
}

impl State {
    /// One heartbeat; sets the timers of the next one and of the lease's end.
    async fn renew(&mut self, myself: &ActorRef<LeaseKeeperMessage>) {
        self.renewals += 1;
        let renewal = self.renewals;
        let Arguments {
            pool,
            identity,
            worker_name,
            lease,
            heartbeat,
        } = &self.arguments;
        let registered = self.confirmed.load(Ordering::SeqCst) != 0;
        let worker = identity.current();
        // Started before the statement, so that the database's lease is never shorter than this process believes.
        self.end_when_unconfirmed(renewal);
        let held = async {
            if registered {
                renew_lease(pool, worker, *lease).await
            } else {
                register_worker(pool, worker, worker_name, *lease).await.map(|()| true)
            }
        };
        match tokio::time::timeout(*heartbeat, held).await {
            // Given up in the meantime: the answer is about an identity that nobody uses any more.
            Ok(Ok(_)) if identity.current() != worker => {}
            Ok(Ok(true)) => {
                self.confirmed.store(renewal, Ordering::SeqCst);
                if std::mem::take(&mut self.database_failed) {
                    tracing::info!("The worker's lease is renewed again");
                }
            }
            Ok(Ok(false)) => drop(self.lose("the lease had ended before it was renewed")),
            Ok(Err(error)) => self.report(&chain(&error)),
            Err(_) => self.report("the database did not answer within a heartbeat"),
        }
        let registered = self.confirmed.load(Ordering::SeqCst) != 0;
        let next = if registered {
            self.arguments.heartbeat
        } else {
            self.arguments.heartbeat / 4
        };
        drop(myself.send_after(next, || LeaseKeeperMessage::Renew));
    }

    /// Gives the identity up a heartbeat before the lease of renewal `renewal` ends, unless a later one came through. That
    /// heartbeat is what the jobs get to stop.
    fn end_when_unconfirmed(&self, renewal: u64) {
        let wait = self.arguments.lease.saturating_sub(self.arguments.heartbeat);
        let (confirmed, identity) = (Arc::clone(&self.confirmed), self.arguments.identity.clone());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            if confirmed
                .compare_exchange(renewal, 0, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
            {
                give_up(&identity, "the lease could not be renewed in time");
            }
        });
    }

    /// Stops every job and takes a fresh identity, to be registered by the next renewal.
    fn lose(&mut self, reason: &str) -> WorkerId {
        self.confirmed.store(0, Ordering::SeqCst);
        give_up(&self.arguments.identity, reason)
    }

    fn report(&mut self, error: &str) {
        if !std::mem::replace(&mut self.database_failed, true) {
            tracing::error!(error, "The worker's lease could not be renewed; trying on");
        }
    }
}

fn give_up(identity: &Identity, reason: &str) -> WorkerId {
    let old = identity.renounce();
    tracing::error!("Gave up worker identity {old}: {reason}; its jobs go on elsewhere");
    old
}
