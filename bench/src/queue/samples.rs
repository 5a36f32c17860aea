//! Durations, summed up.

use std::time::Duration;

use serde_json::{Value, json};

/// Durations of one thing that was done many times.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn push(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    /// The value that `share` of the samples do not exceed, in milliseconds.
    pub(crate) fn quantile(&mut self, share: f64) -> f64 {
        self.0.sort_unstable();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index of a few thousand"
        )]
        let index = (self.0.len() as f64 * share) as usize;
        let last = self.0.len().saturating_sub(1);
        self.0
            .get(index.min(last))
            .map_or(0.0, |sample| sample.as_secs_f64() * 1e3)
    }

    pub(crate) fn summary(&mut self) -> Value {
        let round = |value: f64| (value * 1000.0).round() / 1000.0;
        json!({
            "samples": self.0.len(),
            "p50_ms": round(self.quantile(0.5)),
            "p95_ms": round(self.quantile(0.95)),
            "p99_ms": round(self.quantile(0.99)),
            "max_ms": round(self.quantile(1.0)),
        })
    }
}
