//! What this crate promises, one file per backend.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asking;
#[cfg(feature = "embedded")]
mod embedded;
#[cfg(feature = "embedded")]
mod embedded_files;
mod openai;
mod openai_failures;
mod scripted;
mod stub;
