//! Logs, traces and metrics of a Botticelli process.
//!
//! One set of OpenTelemetry instruments ([`Metrics`]) feeds both the Prometheus endpoint ([`Exposition`]) and, when a
//! collector is configured, OTLP push. Traces leave only through OTLP; without a collector no trace is made, and
//! [`context`] answers "no context" instead of failing. Logs go to stderr, so that stdout stays free for results.
//!
//! Exports run on the SDK's own threads with a blocking client: an asynchronous one would panic there, and one that
//! borrowed the process's runtime could deadlock on a machine with a single core.

mod exporting;
mod exposition;
mod metrics;
mod start;
mod telemetry_error;

pub mod context;
pub mod names;

pub use exposition::{Exposition, local_metrics};
pub use metrics::{ActiveRun, Metrics, PauseReason, PostOutcome, ScheduleTimes, Status, TokenKind};
pub use start::{Flushed, LogFormat, Telemetry, TelemetryOptions, check_log_filter, prepare, start};
pub use telemetry_error::TelemetryError;
