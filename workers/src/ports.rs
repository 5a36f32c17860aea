//! The narrative engine's ports, over this fleet's tables and platforms.

mod accounts;
mod checkpoints;
mod commands;
mod state;
mod tables;

pub use accounts::Book;
pub(crate) use accounts::{Account, rest_after};
pub(crate) use checkpoints::JobCheckpoints;
pub use checkpoints::NoCheckpoints;
pub(crate) use commands::JobCommands;
pub use commands::{CommandRules, DiscordRunner};
pub use state::FleetState;
pub use tables::PostTables;
