//! The two stages of a stop: drain, then drop everything.

use tokio_util::sync::CancellationToken;

/// The request to stop, shared by every task of a process.
///
/// It only ever moves forward: running, draining, stopping. Clones share one state, so a stop asked for through one
/// is seen through all.
#[derive(Debug, Clone)]
pub struct Shutdown {
    drain: CancellationToken,
    stop: CancellationToken,
}

impl Shutdown {
    /// Makes a shutdown that nobody has asked for yet.
    pub fn new() -> Self {
        let stop = CancellationToken::new();
        // A child is cancelled with its parent, so a hard stop always drains as well.
        Self {
            drain: stop.child_token(),
            stop,
        }
    }

    /// Asks every task to take no new work and to finish what it has. Asking twice changes nothing.
    pub fn request_drain(&self) {
        self.drain.cancel();
    }

    /// Asks every task to drop its work and return. Draining is implied.
    pub fn request_stop(&self) {
        self.stop.cancel();
    }

    /// Moves one stage on, as one more signal does: the first call drains, the second stops.
    pub fn escalate(&self) {
        if self.is_draining() {
            self.request_stop();
        } else {
            self.request_drain();
        }
    }

    /// Whether new work must be left alone.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Whether work in hand must be dropped.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until a drain is asked for.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Waits until a hard stop is asked for.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// The token that is cancelled when the drain begins, for an API that takes one.
    pub fn drain_token(&self) -> CancellationToken {
        self.drain.clone()
    }

    /// The token that is cancelled by a hard stop, for an API that takes one.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_escalation_drains_and_the_second_stops() {
        let shutdown = Shutdown::new();
        assert!(!shutdown.is_draining());

        shutdown.escalate();
        shutdown.draining().await;
        assert!(!shutdown.is_stopping());

        shutdown.escalate();
        shutdown.stopping().await;
    }

    #[test]
    fn a_hard_stop_drains_as_well() {
        let shutdown = Shutdown::new();
        shutdown.request_stop();
        assert!(shutdown.is_draining());
    }

    #[test]
    fn a_drain_asked_for_twice_is_still_a_drain() {
        let shutdown = Shutdown::new();
        shutdown.request_drain();
        shutdown.clone().request_drain();
        assert!(!shutdown.is_stopping());
    }
}
