use std::num::NonZeroU16;
use std::time::Duration;

use botticelli_schedule::format_duration;
use serde::{Deserialize, Serialize};

use crate::duration_text;
use crate::problem::Report;

/// The most attempts that the database accepts for one job.
pub(super) const MOST_ATTEMPTS: u16 = 1000;

/// `[queue]`: how jobs are claimed, kept alive and tried again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueSettings {
    /// How long a worker may stay silent before its jobs are given to another. At least three heartbeats. Default: 8s.
    #[serde(with = "duration_text")]
    pub lease: Duration,
    /// How often a worker renews its lease. Default: 2s.
    #[serde(with = "duration_text")]
    pub heartbeat: Duration,
    /// How often a worker looks for jobs when no notification wakes it. Default: 5s.
    #[serde(with = "duration_text")]
    pub poll_interval: Duration,
    /// How long one attempt of a job may take. Default: 10m.
    #[serde(with = "duration_text")]
    pub job_timeout: Duration,
    /// How long a stopping worker lets its jobs finish before it hands them back. Default: 30s.
    #[serde(with = "duration_text")]
    pub drain_timeout: Duration,
    /// Attempts before a job is given up, the first included; at most 1000. Default: 5.
    pub max_attempts: NonZeroU16,
    /// The delay before the second attempt; it doubles with each further one. Default: 2s.
    #[serde(with = "duration_text")]
    pub backoff_base: Duration,
    /// The longest delay between two attempts. Default: 10m.
    #[serde(with = "duration_text")]
    pub backoff_cap: Duration,
    /// How long completed jobs are kept; they go a day at a time. Default: 14days.
    #[serde(with = "duration_text")]
    pub history_retention: Duration,
    /// How long jobs that were given up are kept. Default: 3months.
    #[serde(with = "duration_text")]
    pub dead_retention: Duration,
}

const DAY: Duration = Duration::from_hours(24);
/// As durations are written: 30.44 days.
const MONTH: Duration = Duration::from_secs(2_630_016);
/// The longest time that anything can be kept for; the database's calendar ends somewhere.
const LONGEST_RETENTION: Duration = Duration::from_hours(24 * 36_500);

const FIVE: NonZeroU16 = NonZeroU16::new(5).unwrap();

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(8),
            heartbeat: Duration::from_secs(2),
            poll_interval: Duration::from_secs(5),
            job_timeout: Duration::from_mins(10),
            drain_timeout: Duration::from_secs(30),
            max_attempts: FIVE,
            backoff_base: Duration::from_secs(2),
            backoff_cap: Duration::from_mins(10),
            history_retention: 14 * DAY,
            dead_retention: 3 * MONTH,
        }
    }
}

impl QueueSettings {
    pub(super) fn check(&self, report: &mut Report<'_>) {
        for (key, duration) in [
            ("lease", self.lease),
            ("heartbeat", self.heartbeat),
            ("poll_interval", self.poll_interval),
            ("job_timeout", self.job_timeout),
            ("drain_timeout", self.drain_timeout),
            ("backoff_base", self.backoff_base),
            ("backoff_cap", self.backoff_cap),
            ("history_retention", self.history_retention),
            ("dead_retention", self.dead_retention),
        ] {
            report.positive(&["queue", key], duration);
        }
        for (key, retention) in [
            ("history_retention", self.history_retention),
            ("dead_retention", self.dead_retention),
        ] {
            if retention > LONGEST_RETENTION {
                let text = format!("{} is longer than 100 years", format_duration(retention));
                report.add(&["queue", key], text);
            }
        }
        if self.max_attempts.get() > MOST_ATTEMPTS {
            let text = format!("{} attempts are more than {MOST_ATTEMPTS}", self.max_attempts);
            report.add(&["queue", "max_attempts"], text);
        }
        let shortest_lease = self.heartbeat.saturating_mul(3);
        if self.lease < shortest_lease {
            let text = format!(
                "a lease of {} does not survive two lost heartbeats of {}; write at least `{}`",
                format_duration(self.lease),
                format_duration(self.heartbeat),
                format_duration(shortest_lease),
            );
            report.add(&["queue", "lease"], text);
        }
        if self.backoff_cap < self.backoff_base {
            let text = format!(
                "{} is shorter than `queue.backoff_base`, {}",
                format_duration(self.backoff_cap),
                format_duration(self.backoff_base),
            );
            report.add(&["queue", "backoff_cap"], text);
        }
    }
}
