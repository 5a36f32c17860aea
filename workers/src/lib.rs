//! Runs the fleet's jobs: Ractor actors claim them, apalis and a tower stack drive them, one transaction records their end.

mod actors;
mod filter;
mod handlers;
mod identity;
mod outcome;
mod ports;
mod record;
mod record_error;
mod running;
mod service;
mod shop;
mod wiring;

pub use actors::{ActorStatus, Fleet, FleetError, FleetOptions, NarrativeActorMessage};
pub use identity::Identity;
pub use ports::{NoCheckpoints, PostTables};
pub use shop::{ActorSpec, Platforms, Shop, TraceJobs};
#[cfg(feature = "embedded-llm")]
pub use wiring::confine_model;
pub use wiring::{WorkerParts, actor_specs, fleet_options, language_model, model_for, platforms, shop};
