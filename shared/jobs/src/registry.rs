//! Making a configuration's actors known to the database, as queues and as actors, in one transaction.

use botticelli_actors::{ActorsError, Registration, retire_missing};
use botticelli_queue::{QueueError, register_queue};
use sqlx::PgPool;

use crate::Kind;

/// An actor as its queue and its row need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetActor {
    /// The actor's name, which is its queue's.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// Whether it runs at all.
    pub enabled: bool,
    /// The schedule as written.
    pub schedule: String,
    /// The schedule's kind as the API names it.
    pub schedule_type: &'static str,
    /// Tries of a job that does not say otherwise.
    pub max_attempts: u16,
}

/// Why the actors could not be made known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The transaction could not be begun or committed.
    #[error("the actors could not be registered")]
    Transaction(#[source] sqlx::Error),
    /// A queue could not be written.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// An actor could not be written.
    #[error(transparent)]
    Actors(#[from] ActorsError),
}

/// Registers every actor. Idempotent; every process calls it at start. `retires` disables the actors that `actors` lacks:
/// only the scheduler, whose configuration decides, asks for that. Gives the names of those.
///
/// # Errors
///
/// [`RegisterError`]; nothing is registered then.
pub async fn register_fleet(pool: &PgPool, actors: &[FleetActor], retires: bool) -> Result<Vec<String>, RegisterError> {
    let mut transaction = pool.begin().await.map_err(RegisterError::Transaction)?;
    for actor in actors {
        let kind = actor.kind.as_str();
        register_queue(&mut transaction, &actor.name, kind, actor.max_attempts).await?;
        let registration = Registration {
            name: &actor.name,
            kind,
            enabled: actor.enabled,
            schedule: &actor.schedule,
            schedule_type: actor.schedule_type,
        };
        botticelli_actors::register(&mut transaction, &registration).await?;
    }
    let mut retired = Vec::new();
    if retires {
        let names: Vec<String> = actors.iter().map(|actor| actor.name.clone()).collect();
        retired = retire_missing(&mut transaction, &names).await?;
    }
    transaction.commit().await.map_err(RegisterError::Transaction)?;
    Ok(retired)
}
