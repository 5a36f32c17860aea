//! What is promised about posts, each against a real PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test has nobody to hand an error to"
)]

mod deliveries;
mod invariants;
mod reviews;
mod shelf;
