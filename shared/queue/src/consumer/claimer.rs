//! Keeps the slots full.

use std::{sync::Arc, time::Duration};

use sqlx::{Postgres, pool::PoolConnection};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::{Claimed, ClaimedJob, QueueError, Room, claim, promote, put_back_strays};

/// Jobs in one claim at most: more gains nothing, and they are lost together.
const LARGEST_CLAIM: usize = 1000;
/// While there is more to claim, slots that come free within this time are filled together, unless there are many of them.
const GATHERING: Duration = Duration::from_millis(2);
/// The wait after a failed statement.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Claims until `stop`. Dropping `jobs` at the end is what ends the apalis worker.
pub(super) async fn claim_all(shared: Arc<Shared>, jobs: mpsc::Sender<ClaimedJob>, stop: CancellationToken) {
    let mut claimer = Claimer {
        shared,
        connection: None,
        may_have_strays: false,
        was_filled: false,
    };
    while !stop.is_cancelled() {
        let wait = match claimer.round(&jobs).await {
            Ok(wait) => wait,
            Err(error) => {
                claimer.connection = None;
                claimer.may_have_strays = true;
                let queue = &claimer.shared.queue;
                tracing::error!(queue.name = %queue, error = &error as &dyn std::error::Error, "Queue {queue} cannot be read; trying on");
                AFTER_FAILURE
            }
        };
        if wait.is_zero() {
            continue;
        }
        claimer.shared.lend(&mut claimer.connection);
        tokio::select! {
            () = stop.cancelled() => return,
            () = claimer.shared.woken.notified() => {}
            // A claim whose connection broke may have been committed even after the last look for strays.
            () = tokio::time::sleep(wait) => claimer.may_have_strays = true,
        }
    }
}

struct Claimer {
    shared: Arc<Shared>,
    /// Kept: to take it from the pool each time would be a round trip each time.
    connection: Option<PoolConnection<Postgres>>,
    may_have_strays: bool,
    /// Whether the last claim took all it had asked for, so that there is probably more.
    was_filled: bool,
}

impl Claimer {
    /// One claim into the slots that are free, once there are some. Gives how long there is nothing to do, unless woken.
    async fn round(&mut self, jobs: &mpsc::Sender<ClaimedJob>) -> Result<Duration, QueueError> {
        let shared = Arc::clone(&self.shared);
        shared.lend(&mut self.connection);
        let free = self.free_slots().await;
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(shared.connection().await?),
        };
        if self.may_have_strays {
            let in_hand = shared.claims_in_hand();
            put_back_strays(&mut **connection, &shared.queue, shared.worker, &in_hand).await?;
            self.may_have_strays = false;
        }
        let room = Room {
            jobs: u16::try_from(free).unwrap_or(u16::MAX),
            takes_suspect: true,
        };
        let Claimed {
            jobs: claimed,
            next_due,
        } = claim(&mut **connection, &shared.queue, room, shared.worker).await?;
        let count = claimed.len();
        if let Some(first) = claimed.first() {
            if let Ok(taken) = shared.slots.acquire_many(u32::try_from(count).unwrap_or(0)).await {
                taken.forget();
            }
            shared.took(first.lease.claim, count);
        }
        for job in claimed {
            // There is a place for every slot; only the end of the apalis worker closes the channel, and the lease's end
            // then returns the jobs.
            jobs.try_send(job).ok();
        }
        self.was_filled = count >= free;
        if self.was_filled {
            return Ok(Duration::ZERO);
        }
        if next_due == Some(Duration::ZERO) && promote(&mut **connection, &shared.queue).await? > 0 {
            return Ok(Duration::ZERO);
        }
        let patience = shared.options.poll_interval;
        Ok(next_due.map_or(patience, |due| due.clamp(Duration::from_millis(1), patience)))
    }

    /// Waits until there are free slots, and a little longer for more if the queue is full and there are few.
    async fn free_slots(&self) -> usize {
        let slots = &self.shared.slots;
        // Taken and given back: only this task takes slots, so it is free until the claim.
        drop(slots.acquire().await);
        let enough = (usize::from(self.shared.options.slots) / 4).clamp(1, LARGEST_CLAIM);
        if self.was_filled && slots.available_permits() < enough {
            let gathered = slots.acquire_many(u32::try_from(enough).unwrap_or(1));
            drop(tokio::time::timeout(GATHERING, gathered).await);
        }
        slots.available_permits().min(LARGEST_CLAIM)
    }
}
