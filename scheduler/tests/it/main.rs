//! What a scheduler promises, whatever number of them runs: against a real PostgreSQL, with a clock moved by hand.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test has nobody to hand an error to, and one says what it saw"
)]

mod bench;
mod blows;
mod maintenance;
mod pulled_rows;
mod skipping;
mod ticking;
mod troubles;
mod year;
