//! Hearing of new work without asking for it.

use botticelli_database::{limit_session, sql};
use sqlx::{
    PgPool,
    postgres::{PgListener, PgPoolOptions},
};

use crate::{JobId, QueueError};

/// What a notification tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wakeup {
    /// The queue of this name has changed.
    Queue(String),
    /// A running job is to be cancelled. [`cancelled_of`](crate::cancelled_of()) says what is true.
    Cancelled(JobId),
}

/// Notifications that a queue has changed, or that a running job is to be cancelled. They make the fleet fast; nothing depends on their arrival.
pub struct Wakeups {
    listener: PgListener,
}

impl Wakeups {
    /// Listens on a connection of its own to the database of `pool`, so that no pool can run dry of it, with the limits that every
    /// session of the fleet has.
    ///
    /// # Errors
    ///
    /// [`QueueError::Database`] when the connection cannot be opened.
    pub async fn listen(pool: &PgPool) -> Result<Self, QueueError> {
        let own = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(pool.options().get_acquire_timeout())
            .after_connect(|connection, _| Box::pin(limit_session(connection)))
            .connect_lazy_with((*pool.connect_options()).clone());
        let mut listener = PgListener::connect_with(&own)
            .await
            .map_err(QueueError::while_doing("listen for jobs"))?;
        listener
            .listen_all([sql("botticelli_jobs"), cancel_channel()])
            .await
            .map_err(QueueError::while_doing("listen for jobs"))?;
        Ok(Self { listener })
    }

    /// The connection it listens on, for statements of the one who listens: the server's process that has just brought a
    /// notification is awake. What is heard meanwhile is kept.
    pub(crate) fn connection(&mut self) -> &mut PgListener {
        &mut self.listener
    }

    /// Waits for the next notification. `None` means that the connection broke and was opened again: notifications may
    /// have been missed, so everything should be looked at.
    ///
    /// # Errors
    ///
    /// [`QueueError::Database`] when the connection broke and cannot be opened again.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Option<Wakeup>, QueueError> {
        loop {
            let notification = self
                .listener
                .try_recv()
                .await
                .map_err(QueueError::while_doing("listen for jobs"))?;
            let Some(notification) = notification else {
                return Ok(None);
            };
            let payload = notification.payload();
            if notification.channel() != cancel_channel() {
                return Ok(Some(Wakeup::Queue(payload.to_owned())));
            }
            // Anybody may notify with anything; what is no id tells nothing.
            if let Ok(job) = payload.parse() {
                return Ok(Some(Wakeup::Cancelled(JobId(job))));
            }
        }
    }
}

/// Where `botticelli.cancel` tells of running jobs.
fn cancel_channel() -> &'static str {
    sql("botticelli_cancel")
}
