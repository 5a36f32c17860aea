//! Keeps the slots full.

use std::{
    error::Error,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use botticelli_database::ANSWER_LIMIT;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use tokio::{sync::mpsc, time::Sleep};
use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::{
    Claimed, ClaimedJob, QueueError, Room, StrayWatch, Wakeup, Wakeups, claim::claim_from, promote, put_back_strays,
};

/// Jobs in one claim at most: more gains nothing, and they are lost together.
const LARGEST_CLAIM: usize = 1000;
/// While there is more to claim, slots that come free within this time are filled together, unless there are many of them.
const GATHERING: Duration = Duration::from_millis(2);
/// A claim that looks longer than this for its jobs passes over many that are gone: an old transaction keeps them.
const SLOW: Duration = Duration::from_millis(5);
/// Such a claim takes one part of this many of the time, and comes after no longer than `LATEST` all the same.
const RARE: u32 = 50;
const LATEST: Duration = Duration::from_secs(5);
/// The first wait for a job that is due and was not claimed.
const FIRST_PATIENCE: Duration = Duration::from_millis(1);
/// The wait after a failed statement.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Claims until `stop`. Dropping `jobs` at the end is what ends the apalis worker.
pub(super) async fn claim_all(shared: Arc<Shared>, jobs: mpsc::Sender<ClaimedJob>, stop: CancellationToken) {
    let mut claimer = Claimer {
        strays: StrayWatch::new(shared.options.poll_interval),
        shared,
        ear: None,
        was_filled: false,
        patience: FIRST_PATIENCE,
        reached: None,
        anew: Box::pin(tokio::time::sleep(Duration::ZERO)),
    };
    // Only the waits are cut off: the jobs of a claim whose answer nobody reads would cost a try.
    while let Some(free) = stop.run_until_cancelled(claimer.free_slots()).await {
        let wait = match tokio::time::timeout(ANSWER_LIMIT, claimer.round(free, &jobs)).await {
            Ok(Ok(wait)) => wait,
            Ok(Err(error)) => claimer.failed(&error),
            Err(elapsed) => claimer.failed(&elapsed),
        };
        if !wait.is_zero() && stop.run_until_cancelled(claimer.wait(wait)).await.is_none() {
            return;
        }
    }
}

struct Claimer {
    shared: Arc<Shared>,
    /// Where it hears of jobs, and claims them.
    ear: Option<Wakeups>,
    strays: StrayWatch,
    /// Whether the last claim took all it had asked for, so that there is probably more.
    was_filled: bool,
    /// How long to wait for a job that is due and cannot be claimed.
    patience: Duration,
    /// Where the next claim begins, when it would take long from the beginning.
    reached: Option<DateTime<Utc>>,
    /// When to claim from the beginning all the same: what is enqueued with a priority, or goes back, stands before.
    anew: Pin<Box<Sleep>>,
}

impl Claimer {
    /// One claim into so many free slots. Gives how long there is nothing to do, unless something is heard.
    async fn round(&mut self, free: usize, jobs: &mpsc::Sender<ClaimedJob>) -> Result<Duration, QueueError> {
        let shared = Arc::clone(&self.shared);
        let ear = match &mut self.ear {
            Some(ear) => ear,
            none => none.insert(Wakeups::listen(&shared.pool).await?),
        };
        // What has been heard up to here is answered by the claim that follows.
        while let Some(heard) = ear.next().now_or_never() {
            heard?;
        }
        if self.strays.is_due() {
            let in_hand = shared.claims_in_hand();
            put_back_strays(ear.connection(), &shared.queue, shared.worker, &in_hand).await?;
            self.strays.looked();
        }
        let room = Room {
            jobs: u16::try_from(free).unwrap_or(u16::MAX),
            takes_suspect: !shared.has_suspect.load(Ordering::SeqCst),
        };
        let from = match self.anew.as_mut().now_or_never() {
            Some(()) => None,
            None => self.reached,
        };
        let claimed = claim_from(ear.connection(), &shared.queue, room, shared.worker, from).await?;
        let (
            Claimed {
                jobs: claimed,
                next_due,
            },
            reach,
        ) = claimed;
        if from.is_some() {
            self.reached = reach.last.or(self.reached);
        } else if reach.found_in > SLOW {
            self.reached = reach.last.or(self.reached);
            self.anew = Box::pin(tokio::time::sleep((reach.found_in * RARE).min(LATEST)));
        } else {
            self.reached = None;
        }
        let count = claimed.len();
        if let Some(first) = claimed.first() {
            if let Ok(taken) = shared.slots.acquire_many(u32::try_from(count).unwrap_or(0)).await {
                taken.forget();
            }
            shared.took(first.lease.claim, count);
        }
        if claimed.iter().any(|job| job.is_suspect) {
            shared.has_suspect.store(true, Ordering::SeqCst);
        }
        for job in claimed {
            // There is a place for every slot; only the end of the apalis worker closes the channel, and the lease's end
            // then returns the jobs.
            jobs.try_send(job).ok();
        }
        self.was_filled = count >= free;
        if count > 0 {
            self.patience = FIRST_PATIENCE;
        }
        if self.was_filled {
            return Ok(Duration::ZERO);
        }
        let poll_interval = shared.options.poll_interval;
        if next_due != Some(Duration::ZERO) {
            return Ok(next_due.map_or(poll_interval, |due| due.clamp(FIRST_PATIENCE, poll_interval)));
        }
        if promote(ear.connection(), &shared.queue).await? > 0 {
            return Ok(Duration::ZERO);
        }
        // Somebody else has the job that is due in hand just now.
        let wait = self.patience.min(poll_interval);
        self.patience = wait * 2;
        Ok(wait)
    }

    /// Begins anew, and gives how long to wait before that.
    fn failed(&mut self, error: &(dyn Error + 'static)) -> Duration {
        self.ear = None;
        self.strays.begin();
        let queue = &self.shared.queue;
        tracing::error!(queue.name = %queue, error, "Queue {queue} cannot be read; trying on");
        AFTER_FAILURE
    }

    /// Waits until something is heard of the queue, but no longer than `time`.
    async fn wait(&mut self, time: Duration) {
        let time = time.min(self.strays.next_look());
        let mut over = std::pin::pin!(tokio::time::sleep(time));
        loop {
            tokio::select! {
                heard = hear(&mut self.ear) => match heard {
                    Some(Wakeup::Queue(queue)) if *queue != *self.shared.queue => {}
                    Some(Wakeup::Cancelled(_)) => {}
                    Some(Wakeup::Queue(_)) | None => return,
                },
                () = &mut self.anew, if self.reached.is_some() => return,
                () = self.shared.woken.notified() => return,
                () = &mut over => return,
            }
        }
    }

    /// Waits until there are free slots, and a little longer for more if the queue is full and there are few.
    async fn free_slots(&mut self) -> usize {
        let shared = Arc::clone(&self.shared);
        let slots = &shared.slots;
        let was_filled = self.was_filled;
        let mut free = std::pin::pin!(async {
            // Taken and given back: only this task takes slots, so it is free until the claim.
            drop(slots.acquire().await);
            let enough = (usize::from(shared.options.slots) / 4).clamp(1, LARGEST_CLAIM);
            if was_filled && slots.available_permits() < enough {
                let gathered = slots.acquire_many(u32::try_from(enough).unwrap_or(1));
                drop(tokio::time::timeout(GATHERING, gathered).await);
            }
            slots.available_permits().min(LARGEST_CLAIM)
        });
        loop {
            tokio::select! {
                biased;
                free = &mut free => return free,
                // Listened to, because the server waits for who does not read what it tells.
                _ = hear(&mut self.ear) => {}
            }
        }
    }
}

/// What is heard next; `None` when something may have been missed. For ever nothing without an ear.
async fn hear(ear: &mut Option<Wakeups>) -> Option<Wakeup> {
    let Some(listening) = ear else {
        return std::future::pending().await;
    };
    if let Ok(heard) = listening.next().await {
        return heard;
    }
    // The next claim opens another one.
    *ear = None;
    None
}
