//! Under which identity this process holds jobs, and whether it still may.

use std::sync::Arc;

use botticelli_queue::WorkerId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The process's current worker identity, shared by everything that claims or runs jobs.
#[derive(Debug, Clone)]
pub struct Identity {
    held: Arc<watch::Sender<Held>>,
}

#[derive(Debug, Clone)]
struct Held {
    worker: WorkerId,
    lost: CancellationToken,
}

impl Identity {
    /// A fresh identity. It holds nothing until it is registered.
    pub fn fresh() -> Self {
        Self {
            held: Arc::new(watch::Sender::new(Held::fresh())),
        }
    }

    /// The identity to claim under.
    pub fn current(&self) -> WorkerId {
        self.held.borrow().worker
    }

    /// The token that is cancelled when jobs claimed under `worker` must stop; cancelled already for an old identity.
    pub fn lost_token(&self, worker: WorkerId) -> CancellationToken {
        let held = self.held.borrow();
        if held.worker == worker {
            return held.lost.clone();
        }
        let lost = CancellationToken::new();
        lost.cancel();
        lost
    }

    /// Stops every job held under the current identity. They are handed back as far as the lease still allows.
    pub fn interrupt_jobs(&self) {
        self.held.borrow().lost.cancel();
    }

    /// Gives the current identity up for a fresh one and stops what was held under it. Gives the old one.
    pub fn renounce(&self) -> WorkerId {
        let old = self.held.send_replace(Held::fresh());
        old.lost.cancel();
        old.worker
    }
}

impl Held {
    fn fresh() -> Self {
        Self {
            worker: WorkerId::random(),
            lost: CancellationToken::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renouncing_stops_the_jobs_of_the_old_identity_only() {
        let identity = Identity::fresh();
        let first = identity.current();
        let held = identity.lost_token(first);
        assert_eq!(identity.renounce(), first);
        assert!(held.is_cancelled());
        assert!(identity.lost_token(first).is_cancelled());
        assert!(!identity.lost_token(identity.current()).is_cancelled());
    }
}
