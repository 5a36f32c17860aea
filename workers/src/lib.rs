//! Runs the fleet's jobs: Ractor actors claim them, apalis and a tower stack drive them, one transaction records their end.

mod actors;
mod handlers;
mod identity;
mod models;
mod outcome;
mod ports;
mod record;
mod record_error;
mod running;
mod service;
mod shop;
mod surroundings;
mod together;
mod wiring;

pub use actors::{ActorStatus, Fleet, FleetError, FleetOptions, NarrativeActorMessage};
pub use identity::Identity;
pub use models::{models, models_for, models_to_look_at, no_price, one_model, prices, timeouts};
pub use ports::{Book, CommandRules, DiscordRunner, FleetState, NoCheckpoints, PostTables, RecentAnswers};
pub use shop::{ActorSpec, Platforms, Shop, TraceJobs};
pub use surroundings::{FetchedMedia, NarrativeFiles, PlatformCommands, check_models};
#[cfg(feature = "embedded-llm")]
pub use wiring::confine_model;
pub use wiring::{WorkerParts, actor_specs, fleet_options, open_narrative, platforms, shop};
