//! What is promised about actors and their runs, each against a real PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test has nobody to hand an error to"
)]

mod checkpoints;
mod executions;
mod pauses;
mod registrations;
mod roll;
