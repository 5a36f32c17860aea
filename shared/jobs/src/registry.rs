//! Making a configuration's actors known to the database, as queues and as actors, in one transaction.

use botticelli_actors::{ActorsError, Registration, lock_actors, lock_registration, retire_missing};
use botticelli_database::transaction;
use botticelli_queue::{QueueError, register_queue};
use botticelli_settings::Settings;
use sqlx::PgPool;

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

/// Registers every configured actor. Idempotent; every process calls it at start. `retires` disables the actors that the
/// settings lack, unless they have none at all: only the scheduler, whose settings decide, asks for that. Gives the names of those.
///
/// # Errors
///
/// [`RegisterError`]; nothing is registered then.
pub async fn register_fleet(pool: &PgPool, settings: &Settings, retires: bool) -> Result<Vec<String>, RegisterError> {
    let mut registering = transaction(pool).await.map_err(RegisterError::Transaction)?;
    let names: Vec<String> = settings.actors.keys().cloned().collect();
    lock_registration(&mut registering).await?;
    // A pause locks the actor and then its queue; to take the queue first would be to wait for each other.
    lock_actors(&mut registering, &names).await?;
    for actor in settings.actors.values() {
        let kind = actor.kind.as_str();
        register_queue(&mut registering, &actor.name, kind, actor.max_attempts.get()).await?;
        let registration = Registration {
            name: &actor.name,
            kind,
            enabled: actor.enabled,
            schedule: actor.schedule.as_str(),
            schedule_type: actor.schedule.kind_name(),
        };
        botticelli_actors::register(&mut registering, &registration).await?;
    }
    let mut missing = Vec::new();
    if retires && !names.is_empty() {
        missing = retire_missing(&mut registering, &names).await?;
    }
    registering.commit().await.map_err(RegisterError::Transaction)?;
    Ok(missing)
}
