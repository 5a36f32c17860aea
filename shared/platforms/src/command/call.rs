//! Carrying a command out.

use std::{pin::Pin, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{CommandError, CommandSpec, Repeat};
use crate::discord::NONCE_WINDOW;

/// A command with its arguments.
#[derive(Debug, Clone)]
pub struct CommandCall {
    /// Which.
    pub command: &'static CommandSpec,
    /// Its arguments, with no template left in them.
    pub args: Map<String, Value>,
    /// What tells this call from every other one, the same each time it is repeated, of 1 to 25 characters; see
    /// [`crate::nonce_for`]. Only commands of [`Repeat::WithNonce`] use it.
    pub nonce: Option<String>,
    /// The time of the call, from which durations are counted. The same each time it is repeated.
    pub now: DateTime<Utc>,
}

impl CommandCall {
    /// Whether the call may be repeated when its outcome is unknown and it was first made `age` ago; a send only while the
    /// platform remembers its nonce.
    pub fn is_repeatable(&self, age: Duration) -> bool {
        match self.command.repeat {
            Repeat::Safe => true,
            Repeat::WithNonce => self.nonce.is_some() && age < NONCE_WINDOW,
            Repeat::Unsafe => false,
        }
    }
}

/// Whoever carries commands out.
pub trait CommandRunner: Send + Sync {
    /// Checks the arguments and makes one attempt.
    ///
    /// The answer is an object or an array; its fields are those of the command, whatever the platform adds. A command
    /// of several requests waits out short rate limits between them, and says what it had done when it could not end.
    /// A future that is dropped leaves the outcome as unknown as [`CommandError::Unknown`] does.
    fn run<'a>(&'a self, call: &'a CommandCall) -> CommandFuture<'a>;
}

/// The outcome of [`CommandRunner::run`], in time.
pub type CommandFuture<'a> = Pin<Box<dyn Future<Output = Result<Value, CommandError>> + Send + 'a>>;
