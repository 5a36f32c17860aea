//! Where posts go: one adapter per platform behind [`Platform`].
//!
//! An adapter makes one attempt and says what the caller may do after it; whether and when to try again is the
//! caller's decision. It knows nothing of queues and tables.

mod discord;
mod nonce;
mod noop;
mod platform;
mod send_error;

pub use discord::{Discord, DiscordOptions, InvalidDiscordOptions};
pub use nonce::nonce_for;
pub use noop::Noop;
pub use platform::{Capabilities, Outgoing, Platform, SendFuture, Sent};
pub use send_error::{Rejection, SendError};
