//! What the bus promises.

mod schemas;

type TestResult = Result<(), Box<dyn std::error::Error>>;
