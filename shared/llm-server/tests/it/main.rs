//! What this crate promises, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod completions;
mod limits;
mod own_client;
mod puppet;
mod refusals;
mod served;
mod streaming;
