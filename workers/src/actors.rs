//! The process as a tree of Ractor actors: who claims, who settles, who keeps the lease.

mod canceller;
mod completer;
mod fleet;
mod lease_keeper;
mod listener;
mod narrative_actor;

pub use fleet::{Fleet, FleetError, FleetOptions};
pub use narrative_actor::{ActorStatus, NarrativeActorMessage};
