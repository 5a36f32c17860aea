//! What a schedule promises, one file per promise.

mod clock;
mod cron_meaning;
mod cron_oracle;
mod descriptions;
mod error_texts;
mod intervals;
mod longest_silence;
mod several_entries;
mod special_days;
mod text_form;
mod zones;

use botticelli_schedule::{Schedule, TickOffset};
use chrono::{DateTime, Utc};

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn instant(text: &str) -> Result<DateTime<Utc>, chrono::ParseError> {
    text.parse()
}

/// The first `count` ticks after `after`.
fn ticks(schedule: &str, after: &str, count: usize) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let schedule: Schedule = schedule.parse()?;
    let first = schedule.next_tick(instant(after)?, TickOffset::NONE);
    let ticks = std::iter::successors(first, |&tick| schedule.next_tick(tick, TickOffset::NONE));
    Ok(ticks.take(count).map(|tick| tick.format("%F %T").to_string()).collect())
}

/// Numbers that look random and are the same on every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn within(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }
}
