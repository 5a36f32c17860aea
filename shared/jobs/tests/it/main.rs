//! The registry's promises, each against a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test has nobody to hand an error to")]

mod registering;
