//! Stops the jobs of this process that somebody has cancelled.

use std::time::Duration;

use botticelli_queue::{JobId, cancelled_of};
use sqlx::PgPool;
use tokio::sync::mpsc;

use crate::{identity::Identity, outcome::chain, running::RunningJobs};

/// How soon to look for jobs that were cancelled and do not run here: most run elsewhere, but one may have been claimed
/// just now. What is heard meanwhile is answered by the same look.
const SOON: Duration = Duration::from_millis(200);

/// What was heard of cancellations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hearsay {
    /// This job was cancelled.
    Of(JobId),
    /// Something may have been missed.
    Unknown,
}

/// What the canceller works with.
pub(super) struct Canceller {
    pub pool: PgPool,
    pub identity: Identity,
    pub running: RunningJobs,
    /// How often it looks even if nothing was heard.
    pub poll_interval: Duration,
}

impl Canceller {
    /// Stops jobs for as long as somebody may tell of them. Meant to be spawned.
    pub(super) async fn run(self, mut heard: mpsc::UnboundedReceiver<Hearsay>) {
        let mut look = Box::pin(tokio::time::sleep(self.poll_interval));
        let mut is_soon = false;
        loop {
            tokio::select! {
                hearsay = heard.recv() => match hearsay {
                    None => return,
                    Some(Hearsay::Of(job)) if self.running.interrupt(job) => {}
                    Some(_) if is_soon => {}
                    Some(_) => {
                        is_soon = true;
                        look.set(tokio::time::sleep(SOON));
                    }
                },
                () = &mut look => {
                    is_soon = self.look().await;
                    look.set(tokio::time::sleep(if is_soon { SOON } else { self.poll_interval }));
                }
            }
        }
    }

    /// Stops what the database knows to be cancelled. `true` when some of it does not run yet.
    async fn look(&self) -> bool {
        match cancelled_of(&self.pool, self.identity.current()).await {
            Ok(jobs) => jobs.into_iter().filter(|job| !self.running.interrupt(*job)).count() > 0,
            Err(error) => {
                tracing::debug!(error = chain(&error), "Could not look for cancelled jobs");
                false
            }
        }
    }
}
