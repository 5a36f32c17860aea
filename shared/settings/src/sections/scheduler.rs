use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration_text;
use crate::problem::Report;

/// `[scheduler]`: the duties of the scheduler beside ticking.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SchedulerSettings {
    /// How often jobs of workers that fell silent are looked for. Default: 1s.
    #[serde(with = "duration_text")]
    pub rescue_interval: Duration,
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        Self {
            rescue_interval: Duration::from_secs(1),
        }
    }
}

impl SchedulerSettings {
    pub(super) fn check(&self, report: &mut Report<'_>) {
        report.positive(&["scheduler", "rescue_interval"], self.rescue_interval);
    }
}
