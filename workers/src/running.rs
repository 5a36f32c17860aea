//! The jobs that run in this process, so that one of them can be stopped.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use botticelli_queue::{JobId, Lease};
use tokio_util::sync::CancellationToken;

/// The running jobs of one process, each with what stops it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunningJobs {
    jobs: Arc<Mutex<HashMap<Lease, CancellationToken>>>,
}

impl RunningJobs {
    /// Notes that a job runs, until what this gives is dropped.
    pub(crate) fn begin(&self, lease: Lease) -> RunningJob {
        let interrupted = CancellationToken::new();
        self.with(|jobs| jobs.insert(lease, interrupted.clone()));
        RunningJob {
            lease,
            interrupted,
            running: self.clone(),
        }
    }

    /// Stops a job. It is handed back like any that was interrupted, and it is the queue that then knows whether it was
    /// cancelled: who calls this on hearsay does no harm. `false` when it does not run here, or not yet.
    pub(crate) fn interrupt(&self, job: JobId) -> bool {
        self.with(|jobs| {
            let attempts = jobs.iter().filter(|(lease, _)| lease.job == job);
            attempts.map(|(_, interrupted)| interrupted.cancel()).count() > 0
        })
    }

    fn with<T>(&self, action: impl FnOnce(&mut HashMap<Lease, CancellationToken>) -> T) -> T {
        // No holder of the lock can leave the map half changed.
        action(&mut self.jobs.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A job that runs.
#[derive(Debug)]
pub(crate) struct RunningJob {
    lease: Lease,
    interrupted: CancellationToken,
    running: RunningJobs,
}

impl RunningJob {
    /// Waits until the job is to stop.
    pub(crate) async fn interrupted(&self) {
        self.interrupted.cancelled().await;
    }
}

impl Drop for RunningJob {
    fn drop(&mut self) {
        self.running.with(|jobs| jobs.remove(&self.lease));
    }
}

#[cfg(test)]
mod tests {
    use botticelli_queue::{ClaimId, WorkerId};

    use super::*;

    #[test]
    fn a_job_is_stopped_while_it_runs_and_no_other_is() {
        let worker = WorkerId::random();
        let lease = |job| Lease {
            job: JobId(job),
            attempt: 1,
            worker,
            claim: ClaimId(1),
            place: 0,
            claim_size: 1,
        };
        let running = RunningJobs::default();
        let (one, other) = (running.begin(lease(1)), running.begin(lease(2)));
        assert!(running.interrupt(JobId(1)));
        assert!(one.interrupted.is_cancelled() && !other.interrupted.is_cancelled());
        drop(one);
        assert!(!running.interrupt(JobId(1)));
    }
}
