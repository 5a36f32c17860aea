//! The stubs keep the promises that the tests of all rooms rest on, and the workspace keeps its rules.

mod database;
mod discord;
mod fault_proxy;
mod history;
mod llm;
mod process;
mod tidy;

type TestResult = Result<(), Box<dyn std::error::Error>>;
