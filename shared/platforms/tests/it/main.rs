//! Promises of the platforms, tested against a stub that speaks Discord's protocol.
#![expect(clippy::unwrap_used, reason = "a test has nobody to hand an error to")]

mod commands;
mod discord;
mod noop;

type TestResult = Result<(), Box<dyn std::error::Error>>;
