//! The promises of the whole: real processes, a real PostgreSQL, and stubs where other people's services would be.

#![expect(clippy::unwrap_used, reason = "a test has nobody to hand an error to")]

mod clocks;
mod discord;
mod fleets;
mod jobs;
mod lost_workers;
mod narrative_checks;
mod narrative_diffs;
mod narrative_runs;
mod narrative_tests;
mod pipeline;
mod poolers;
mod refusals;
mod schedules;
mod served_models;
mod stage;
mod stopping;
mod studio;
mod tracing;
mod up;
mod writer;
