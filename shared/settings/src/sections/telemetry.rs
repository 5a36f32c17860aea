use serde::{Deserialize, Serialize};

use crate::problem::Report;

/// `[telemetry]`: what the process tells about itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetrySettings {
    /// Which log lines are written: a level, or directives such as `info,botticelli_queue=debug`. Default: `info`.
    pub log: String,
    /// How log lines look. Default: `pretty`.
    pub log_format: LogFormat,
    /// Where traces are sent by OTLP over HTTP, such as `http://localhost:4318`. Default: none, no traces are sent.
    pub otlp_endpoint: Option<String>,
    /// How the span of a job refers to the span that enqueued it. Default: `auto`.
    pub trace_jobs: TraceJobs,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people at a terminal.
    #[default]
    Pretty,
    /// One JSON object per line, for machines.
    Json,
}

/// How the span of a job refers to the span that enqueued it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TraceJobs {
    /// As a child when the job runs soon after it was enqueued and for the first time, else by a link.
    #[default]
    Auto,
    /// Always as a child: one trace per job, however long it waited.
    Parent,
    /// Always by a link: one trace per attempt.
    Link,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            log_format: LogFormat::default(),
            otlp_endpoint: None,
            trace_jobs: TraceJobs::default(),
        }
    }
}

impl TelemetrySettings {
    pub(super) fn check(&self, report: &mut Report<'_>) {
        if self.log.trim().is_empty() {
            report.add(
                &["telemetry", "log"],
                "the level is missing; write `info`, or `off` for no log",
            );
        }
        if let Some(url) = &self.otlp_endpoint {
            report.web_address(&["telemetry", "otlp_endpoint"], url);
        }
    }
}
