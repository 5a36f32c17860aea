//! How long a failed job waits before its next try.

use std::time::Duration;

/// Exponential back-off with full jitter over its upper half.
///
/// Try `n` (from 1) waits between half and all of `base * 2^(n-1)`, at most `cap`. The jitter keeps a fleet's retries from
/// arriving together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait after the first try.
    pub base: Duration,
    /// The longest wait after any try.
    pub cap: Duration,
}

impl Backoff {
    /// The wait after try number `tries` (from 1). `jitter` is a random number in 0..1.
    pub fn delay(&self, tries: i32, jitter: f64) -> Duration {
        let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(0).min(31);
        let full = self.base.saturating_mul(1 << doublings).min(self.cap);
        full.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        base: Duration::from_secs(2),
        cap: Duration::from_mins(10),
    };

    #[test]
    fn the_wait_doubles_with_each_try_up_to_the_cap() {
        let waits: Vec<u64> = (1..=12).map(|tries| BACKOFF.delay(tries, 1.0).as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600]);
    }

    #[test]
    fn jitter_takes_off_at_most_half() {
        assert_eq!(BACKOFF.delay(3, 0.0), Duration::from_secs(4));
        assert_eq!(BACKOFF.delay(3, 0.5), Duration::from_secs(6));
    }

    #[test]
    fn absurd_try_numbers_neither_panic_nor_overflow() {
        assert_eq!(BACKOFF.delay(i32::MAX, 1.0), BACKOFF.cap);
        assert_eq!(BACKOFF.delay(i32::MIN, 1.0), BACKOFF.base);
    }
}
