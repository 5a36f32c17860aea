//! What can go wrong with one message.

/// A fault of [`crate::StubDiscord`] for one `POST` of a message.
#[derive(Debug, Clone)]
pub enum DiscordFault {
    /// The message is published, and the answer is 500.
    CommitThen500,
    /// The message is published, and the connection is reset instead of an answer.
    CommitThenReset,
    /// The message is published, and the answer is 200 with a body that breaks off.
    CommitThenGarbage,
    /// The message is published, and the answer waits while [`crate::StubDiscord::hold`] is on.
    CommitThenHold,
    /// Nothing is published until [`crate::StubDiscord::release`]; then it is, even if the client has gone.
    HoldThenCommit,
    /// Nothing is published, and the answer is 500.
    Unavailable,
    /// Nothing is published, and the connection is reset.
    Reset,
    /// Nothing is published, and the answer is 429 as Discord writes it.
    RateLimited {
        /// Whose limit it is.
        scope: RateLimitScope,
        /// Seconds to wait, with fractions in the body and rounded up in `Retry-After`.
        retry_after: f64,
    },
    /// Nothing is published, and the answer is the 429 page of the proxy in front, which is not JSON.
    ProxyRateLimited {
        /// Seconds in `Retry-After`, if any.
        retry_after: Option<u32>,
    },
    /// Nothing is published, and the answer is the 403 page of the proxy in front, which blocks the address.
    ProxyBlocked,
    /// Nothing is published, and the answer is an error of Discord.
    Refused {
        /// The HTTP status, 403 or 404 for instance.
        status: u16,
        /// Discord's own code, 50013 for instance.
        code: u64,
        /// Discord's text for it.
        message: String,
    },
}

/// Whose limit a 429 speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimitScope {
    /// Of this bot on this route.
    User,
    /// Of this bot on all routes.
    Global,
    /// Of everybody in this channel.
    Shared,
}

impl RateLimitScope {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Global => "global",
            Self::Shared => "shared",
        }
    }
}
