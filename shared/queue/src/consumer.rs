//! Working off one queue with an ordinary apalis service: claims in batches, settles in batches, keeps its lease.
//!
//! This is for jobs whose handler writes what it has to write by itself. The fleet's actors claim and settle by themselves,
//! because they record a job's end in one transaction with its results.

mod claimer;
mod settler;

use std::{
    collections::HashMap,
    error::Error,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use sqlx::{PgPool, Postgres, pool::PoolConnection};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{Backoff, ClaimId, ClaimedJob, Finished, JobBackend, QueueError, WorkerId};

/// How a [`Consumer`] works.
#[derive(Debug, Clone, Copy)]
pub struct ConsumerOptions {
    /// Jobs in hand at most: claimed and not settled yet. Default 1000.
    pub slots: u16,
    /// How often the queue is looked at although nothing was heard of it. Default 5 s.
    pub poll_interval: Duration,
    /// How long a job waits after a failed try. Default 2 s, doubling up to 10 minutes.
    pub backoff: Backoff,
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            slots: 1000,
            poll_interval: Duration::from_secs(5),
            backoff: Backoff {
                base: Duration::from_secs(2),
                cap: Duration::from_mins(10),
            },
        }
    }
}

/// Why a handler gave up a try, where it wants something else than the queue's own back-off. Any other error is a failed try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// The try failed; the next may follow after this long, whatever the back-off says.
    #[error("{error}")]
    RetryAfter {
        /// What went wrong.
        error: String,
        /// How long to wait.
        after: Duration,
    },
    /// Nothing went wrong, it is only too early: run again after this long, without having used a try.
    #[error("asked to run again in {0:?}")]
    Snooze(Duration),
    /// The job can never succeed.
    #[error("{0}")]
    Discard(String),
}

/// What a handler answers: nothing, or what came of the job, which is kept with it ([`JobDetails::result`](crate::JobDetails::result)).
pub trait Answer: Send + Sync + 'static {
    /// What is to be kept, of at most 256 KiB.
    fn result(&self) -> Option<&Value>;
}

impl Answer for () {
    fn result(&self) -> Option<&Value> {
        None
    }
}

impl Answer for Value {
    fn result(&self) -> Option<&Value> {
        Some(self)
    }
}

/// Works off one queue. See [`Consumer::new`].
#[derive(Debug, Clone)]
pub struct Consumer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pool: PgPool,
    queue: Arc<str>,
    worker: WorkerId,
    options: ConsumerOptions,
    slots: Semaphore,
    /// Whether one of the jobs in hand is a suspect.
    has_suspect: AtomicBool,
    /// Called when a suspect has ended, so that another may be claimed.
    woken: Notify,
    /// Jobs in hand of each claim.
    in_hand: Mutex<HashMap<ClaimId, usize>>,
}

impl Consumer {
    /// A consumer of `queue` under the lease of `worker`, which the caller registers and renews.
    ///
    /// ```no_run
    /// # async fn work(pool: sqlx::PgPool, worker: botticelli_queue::WorkerId, stop: tokio_util::sync::CancellationToken) {
    /// use apalis_core::worker::builder::WorkerBuilder;
    /// use botticelli_queue::{ClaimedJob, Consumer, ConsumerOptions, JobBackend};
    ///
    /// let consumer = Consumer::new(pool, "letters".into(), worker, ConsumerOptions::default());
    /// consumer
    ///     .run(stop, async |backend: JobBackend<()>| {
    ///         let send = |letter: ClaimedJob| async move {
    ///             println!("sending {}", letter.args);
    ///             Ok::<(), std::io::Error>(())
    ///         };
    ///         // Layers of tower go between `backend` and `build`.
    ///         WorkerBuilder::new("letters").backend(backend).build(send).run().await.ok();
    ///     })
    ///     .await;
    /// # }
    /// ```
    pub fn new(pool: PgPool, queue: Arc<str>, worker: WorkerId, options: ConsumerOptions) -> Self {
        Self {
            shared: Arc::new(Shared {
                pool,
                queue,
                worker,
                options,
                slots: Semaphore::new(usize::from(options.slots)),
                has_suspect: AtomicBool::new(false),
                woken: Notify::new(),
                in_hand: Mutex::new(HashMap::new()),
            }),
        }
    }

    /// Runs until `stop` is cancelled and the jobs in hand are settled. `drive` gets the backend and runs an apalis worker on
    /// it to its end; whatever layers it puts around the handler, each job is settled by what comes out: `Ok` completes it
    /// and keeps the [`Answer`], a [`HandlerError`] does what it says, and any other error is a failed try, after which the
    /// job waits for its back-off or is discarded.
    ///
    /// It listens and claims on a connection of its own, and settles on one of the pool. A job that is cancelled while it runs
    /// is not interrupted; when its try ends in any way but completion or discard, it is cancelled.
    pub async fn run<R, D, F>(self, stop: CancellationToken, drive: D)
    where
        R: Answer,
        D: FnOnce(JobBackend<R>) -> F,
        F: Future<Output = ()>,
    {
        let (jobs, claimed) = mpsc::channel::<ClaimedJob>(usize::from(self.shared.options.slots));
        let (finished, results) = mpsc::unbounded_channel::<Finished<R>>();
        let settling = tokio::spawn(settler::settle_all(Arc::clone(&self.shared), results));
        let claiming = tokio::spawn(claimer::claim_all(Arc::clone(&self.shared), jobs, stop));
        // Ends after the claimer has dropped its end of the channel and the jobs in hand have run.
        drive(JobBackend::new(claimed, finished)).await;
        claiming.abort();
        // Ends when the backend's end of the channel is dropped and everything is settled.
        settling.await.ok();
    }
}

impl Shared {
    async fn connection(&self) -> Result<PoolConnection<Postgres>, QueueError> {
        let connection = self.pool.acquire().await;
        connection.map_err(QueueError::while_doing("get a connection"))
    }

    /// Gives back a connection that is kept while there is nothing to do with it, if others may be waiting for it.
    fn lend(&self, connection: &mut Option<PoolConnection<Postgres>>) {
        let is_full = self.pool.size() >= self.pool.options().get_max_connections();
        if is_full && self.pool.num_idle() == 0 {
            *connection = None;
        }
    }

    fn took(&self, claim: ClaimId, jobs: usize) {
        let mut in_hand = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        in_hand.insert(claim, jobs);
    }

    /// Jobs of `claim` are off this process's hands.
    fn settled(&self, claim: ClaimId, jobs: usize) {
        let mut in_hand = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = in_hand.get_mut(&claim) {
            *left = left.saturating_sub(jobs);
            if *left == 0 {
                in_hand.remove(&claim);
            }
        }
        drop(in_hand);
        self.slots.add_permits(jobs);
    }

    /// A suspect is off this process's hands.
    fn suspect_ended(&self) {
        self.has_suspect.store(false, Ordering::SeqCst);
        self.woken.notify_one();
    }

    fn claims_in_hand(&self) -> Vec<ClaimId> {
        let in_hand = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        in_hand.keys().copied().collect()
    }
}

/// The whole chain of an error, as it is kept with the job.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
