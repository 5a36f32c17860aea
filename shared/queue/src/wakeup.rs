//! Hearing of new work without asking for it.

use sqlx::{PgPool, postgres::PgListener};

use crate::QueueError;

/// Notifications that a queue has changed. They make the fleet fast; nothing depends on their arrival.
pub struct Wakeups {
    listener: PgListener,
}

impl Wakeups {
    /// Listens on a connection of its own, so that no pool can run dry of it.
    ///
    /// # Errors
    ///
    /// [`QueueError::Database`] when the connection cannot be opened.
    pub async fn listen(pool: &PgPool) -> Result<Self, QueueError> {
        let mut listener = PgListener::connect_with(pool)
            .await
            .map_err(QueueError::while_doing("listen for jobs"))?;
        // The listener outlives the pool's close at shutdown.
        listener.ignore_pool_close_event(true);
        listener
            .listen("botticelli_jobs")
            .await
            .map_err(QueueError::while_doing("listen for jobs"))?;
        Ok(Self { listener })
    }

    /// Waits for the next notification and gives the queue's name. `None` means that the connection broke and was
    /// opened again: notifications may have been missed, so every queue should be looked at.
    ///
    /// # Errors
    ///
    /// [`QueueError::Database`] when the connection broke and cannot be opened again.
    pub async fn next(&mut self) -> Result<Option<String>, QueueError> {
        let notification = self
            .listener
            .try_recv()
            .await
            .map_err(QueueError::while_doing("listen for jobs"))?;
        Ok(notification.map(|notification| notification.payload().to_owned()))
    }
}
