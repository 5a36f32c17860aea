//! What this crate promises, one file per backend.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asking;
#[cfg(feature = "embedded")]
mod embedded;
mod openai;
mod scripted;
mod stub;
