//! Promises of the platforms, tested against a stub that speaks Discord's protocol.

mod discord;
mod noop;

type TestResult = Result<(), Box<dyn std::error::Error>>;
