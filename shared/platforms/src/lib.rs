//! Where posts go: one adapter per platform behind [`Platform`], and the commands that narratives may give behind
//! [`CommandRunner`].
//!
//! An adapter makes one attempt and says what the caller may do after it; whether and when to try again is the
//! caller's decision. It knows nothing of queues and tables.
//!
//! What a platform can be told is data: [`commands`] lists it, [`find`] looks a command up, and
//! [`CommandSpec::check_args`] says what is wrong with arguments, of which some may not be known before the run.

mod command;
mod discord;
mod nonce;
mod noop;
mod platform;
mod send_error;

pub use command::{
    ArgKind, ArgProblem, ArgSpec, ArgValue, CommandCall, CommandError, CommandFuture, CommandRunner, CommandSpec,
    Effect, Method, Repeat, commands, find,
};
pub use discord::{Discord, DiscordOptions, InvalidDiscordOptions};
pub use nonce::{nonce_for, nonce_for_command};
pub use noop::Noop;
pub use platform::{Capabilities, Outgoing, Platform, SendFuture, Sent};
pub use send_error::{Rejection, SendError};
