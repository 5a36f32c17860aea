//! What is served, to whom, and how much of it at a time.

use std::{fmt, num::NonZero, sync::Arc};

use botticelli_llm::{LanguageModel, Timeouts};
use secrecy::SecretString;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::refusal::Refusal;

/// What is served, to whom, and how much of it at a time.
pub struct ServerOptions {
    /// Who answers. How many requests it answers at once is its own affair.
    pub model: Arc<dyn LanguageModel>,
    /// The model's name in requests and answers.
    pub name: String,
    /// What `system_fingerprint` says: another text when the same seed may give another answer.
    pub fingerprint: String,
    /// How long a request may take, waiting included.
    pub timeouts: Timeouts,
    /// Requests that are answered or wait at the same time. Those beyond it are refused with 429.
    pub places: NonZero<u16>,
    /// What clients have to send as `Authorization: Bearer`. Without a key, requests must name this machine's loopback as their
    /// host, so that no web page can reach the model through a name of its own.
    pub key: Option<SecretString>,
    /// What time it is, in seconds since 1970.
    pub now: fn() -> i64,
}

/// What every request is answered with.
pub(crate) struct Desk {
    pub(crate) options: ServerOptions,
    pub(crate) since: i64,
    places: Arc<Semaphore>,
}

/// What the parts of one answer have in common.
pub(crate) struct Stamp {
    pub(crate) id: String,
    pub(crate) created: i64,
}

impl Desk {
    pub(crate) fn new(options: ServerOptions) -> Self {
        Self {
            since: (options.now)(),
            places: Arc::new(Semaphore::new(options.places.get().into())),
            options,
        }
    }

    /// A place among the requests that are answered or wait. Dropping it gives it to the next.
    ///
    /// # Errors
    ///
    /// When all are taken.
    pub(crate) fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map_err(|_| Refusal::busy(self.options.places.get()))
    }

    pub(crate) fn stamp(&self) -> Stamp {
        Stamp {
            id: format!("chatcmpl-{}", Uuid::new_v4().simple()),
            created: (self.options.now)(),
        }
    }
}

/// Leaves the model and the key out.
impl fmt::Debug for ServerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerOptions")
            .field("name", &self.name)
            .field("timeouts", &self.timeouts)
            .field("places", &self.places)
            .field("has_key", &self.key.is_some())
            .finish_non_exhaustive()
    }
}
