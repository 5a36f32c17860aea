//! What this crate promises, the same of every provider in `contract`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asking;
mod contract;
#[cfg(feature = "embedded")]
mod embedded;
#[cfg(feature = "embedded")]
mod embedded_files;
mod peculiarities;
mod questions;
mod recording;
mod scripted;
mod speech;
mod stub;
