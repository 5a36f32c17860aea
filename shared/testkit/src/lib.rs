//! What the tests of all rooms stand on: a Postgres database per test, stubs of the LLM and of Discord with faults,
//! and a handle on a real process.
//!
//! A development dependency only. Whatever cannot be set up panics with its reason, because a test has nobody to
//! hand an error to; waiting ends with a panic after [`PATIENCE`].

mod collector;
mod connections;
mod database;
mod discord;
mod fault_proxy;
pub mod history;
mod journal;
mod llm;
mod pgbouncer;
mod private_cluster;
mod process;

pub use collector::{CollectedSpan, StubCollector};
pub use database::{TestDatabase, database};
pub use discord::{DiscordFault, DiscordMessage, DiscordRequest, RateLimitScope, StubDiscord};
pub use fault_proxy::{FaultProxy, Way};
pub use journal::PATIENCE;
pub use llm::{LlmReply, LlmRequest, StubLlm};
pub use pgbouncer::{PgBouncer, PoolMode};
pub use private_cluster::PrivateCluster;
pub use process::{Process, Skew, binary, freeze_this_process, skew_clock};
