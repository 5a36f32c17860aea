//! The actor that keeps this process's lease, whatever its jobs are doing.

use std::{sync::Arc, time::Duration};

use botticelli_queue::{register_worker, release_worker, renew_lease};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use sqlx::PgPool;

use crate::{identity::Identity, outcome::chain};

/// What can be said to the lease keeper.
#[derive(Debug, Clone, Copy)]
pub(super) enum LeaseKeeperMessage {
    /// Renew the lease, or register when there is none.
    Renew,
    /// The lease as of this renewal is about to end; sent by a timer that only matters if no later renewal came through.
    Expiring(u64),
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
    /// The last renewal that the database confirmed; 0 when the identity is not registered.
    confirmed: u64,
    database_failed: bool,
}

/// The keeper of the lease.
pub(super) struct LeaseKeeper;

impl Actor for LeaseKeeper {
    type Msg = LeaseKeeperMessage;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, arguments: Arguments) -> Result<State, ActorProcessingErr> {
        let mut state = State {
            arguments,
            renewals: 0,
            confirmed: 0,
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
            LeaseKeeperMessage::Expiring(renewal) if renewal == state.confirmed => {
                state.lose("the lease could not be renewed in time");
            }
            LeaseKeeperMessage::Expiring(_) => {}
            LeaseKeeperMessage::Renounce => {
                let old = state.lose("a part of this process failed");
                // Rescue need not wait for the lease to end.
                if let Err(error) = release_worker(&state.arguments.pool, old).await {
                    tracing::warn!(
                        error = chain(&error),
                        "Could not release worker {old}; its lease ends by itself"
                    );
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
        let (
            renewal,
            Arguments {
                pool,
                identity,
                worker_name,
                lease,
                heartbeat,
            },
        ) = (self.renewals, &self.arguments);
        // Counted from before the statement: the database's lease is never shorter than this process believes. The margin
        // of a heartbeat is what a job gets to stop.
        drop(myself.send_after(lease.saturating_sub(*heartbeat), move || {
            LeaseKeeperMessage::Expiring(renewal)
        }));
        let worker = identity.current();
        let held = async {
            if self.confirmed == 0 {
                register_worker(pool, worker, worker_name, *lease).await.map(|()| true)
            } else {
                renew_lease(pool, worker, *lease).await
            }
        };
        match tokio::time::timeout(*heartbeat, held).await {
            Ok(Ok(true)) => {
                self.confirmed = renewal;
                if std::mem::take(&mut self.database_failed) {
                    tracing::info!("The worker's lease is renewed again");
                }
            }
            Ok(Ok(false)) => drop(self.lose("the lease had ended before it was renewed")),
            Ok(Err(error)) => self.report(&chain(&error)),
            Err(_) => self.report("the database did not answer within a heartbeat"),
        }
        let next = if self.confirmed == 0 {
            self.arguments.heartbeat / 4
        } else {
            self.arguments.heartbeat
        };
        drop(myself.send_after(next, || LeaseKeeperMessage::Renew));
    }

    /// Stops every job and takes a fresh identity, to be registered by the next renewal.
    fn lose(&mut self, reason: &str) -> botticelli_queue::WorkerId {
        self.confirmed = 0;
        let old = self.arguments.identity.renounce();
        tracing::error!("Gave up worker identity {old}: {reason}; its jobs go on elsewhere");
        old
    }

    fn report(&mut self, error: &str) {
        if !std::mem::replace(&mut self.database_failed, true) {
            tracing::error!(error, "The worker's lease could not be renewed; trying on");
        }
    }
}
