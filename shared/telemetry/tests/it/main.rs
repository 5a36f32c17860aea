//! What other crates, dashboards and collectors may rely on.

mod collector;
mod exposition;
mod flush;
mod options;
mod otlp;
mod trace_context;
mod values;
