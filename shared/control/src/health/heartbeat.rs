use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use botticelli_schedule::Clock;
use chrono::TimeDelta;

/// Main loops wait for at most a few seconds; one that has not come round for this long is stuck.
const STALE_AFTER: TimeDelta = TimeDelta::minutes(1);

/// The sign of life of a process's main loop. Clones are the same heart.
#[derive(Clone)]
pub struct Heartbeat {
    clock: Arc<dyn Clock>,
    /// Milliseconds since 1970.
    last_beat: Arc<AtomicI64>,
}

impl Heartbeat {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let last_beat = Arc::new(AtomicI64::new(clock.now().timestamp_millis()));
        Self { clock, last_beat }
    }

    /// Says that the main loop is running. Call it on every turn; a minute without a call makes the process not live.
    pub fn tick(&self) {
        self.last_beat
            .store(self.clock.now().timestamp_millis(), Ordering::Relaxed);
    }

    pub(super) fn is_fresh(&self) -> bool {
        let age = self
            .clock
            .now()
            .timestamp_millis()
            .saturating_sub(self.last_beat.load(Ordering::Relaxed));
        age <= STALE_AFTER.num_milliseconds()
    }
}
