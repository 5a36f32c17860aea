//! The narrative engine's ports, over this fleet's tables and platforms.

mod accounts;
mod checkpoints;
mod commands;
mod played_act;
mod recent_answers;
mod state;
mod tables;

pub use accounts::Book;
pub(crate) use accounts::{Account, rest_after};
pub use checkpoints::NoCheckpoints;
pub(crate) use checkpoints::{JobCheckpoints, refused_step};
pub(crate) use commands::JobCommands;
pub use commands::{CommandRules, DiscordRunner};
pub(crate) use played_act::PlayedAct;
pub use recent_answers::RecentAnswers;
pub use state::FleetState;
pub use tables::PostTables;

use botticelli_narrative::PortError;
use botticelli_queue::{Lease, hold};
use sqlx::{PgPool, PgTransaction};

/// A transaction in which the job is this worker's, and stays so until it ends.
pub(crate) async fn held(pool: &PgPool, lease: Lease) -> Result<PgTransaction<'static>, PortError> {
    let mut transaction = botticelli_database::transaction(pool).await.map_err(PortError::new)?;
    hold(&mut transaction, lease).await.map_err(PortError::new)?;
    Ok(transaction)
}
