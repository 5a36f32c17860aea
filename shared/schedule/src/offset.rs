//! The shift that keeps actors with the same interval from waking at the same instant.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// A stable shift of an interval's ticks, derived from a name.
///
/// The same name gives the same shift in every process, release and machine, so replicas agree on each tick. Cron
/// expressions ignore it: whoever writes `0 9 * * *` means nine o'clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickOffset(u64);

impl TickOffset {
    /// No shift: ticks are whole multiples of the period since the Unix epoch.
    pub const NONE: Self = Self(0);

    /// The shift of the actor called `name`.
    pub fn of(name: &str) -> Self {
        // FNV-1a with a final mix. The standard library's hasher may change between releases, and a changed hash would
        // move every tick of every actor.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Self(mixed ^ (mixed >> 27))
    }

    /// How much later than `tick` its job is due, shorter than `most`: always the same for the same name and tick, and as good as
    /// random between them.
    pub fn jitter(self, tick: DateTime<Utc>, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let seed = self.0
            ^ tick
                .timestamp_millis()
                .unsigned_abs()
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Duration::from_millis((mixed ^ (mixed >> 31)).checked_rem(most).unwrap_or(0))
    }

    /// The shift in seconds within a period of `period_seconds`; zero when the period is.
    pub(crate) fn seconds_within(self, period_seconds: u64) -> u64 {
        self.0.checked_rem(period_seconds).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::TickOffset;

    #[test]
    fn the_offset_of_a_name_never_changes_between_releases() {
        let shifts = ["generation", "curation", "posting"].map(|name| TickOffset::of(name).seconds_within(7200));
        assert_eq!(shifts, [2386, 6090, 5534]);
    }

    #[test]
    fn offsets_of_many_names_spread_over_the_period() {
        let mut hits = [0_u32; 10];
        for actor in 0..1000 {
            let shift = TickOffset::of(&format!("actor-{actor}")).seconds_within(600);
            hits[usize::try_from(shift / 60).unwrap_or(0)] += 1;
        }
        assert!(hits.iter().all(|&count| (60..=140).contains(&count)), "{hits:?}");
    }

    #[test]
    fn no_offset_shifts_nothing() {
        assert_eq!(TickOffset::NONE.seconds_within(3600), 0);
        assert_eq!(TickOffset::of("generation").seconds_within(0), 0);
    }
}
