//! What every platform can do.

use std::pin::Pin;
use std::time::Duration;

use crate::SendError;

/// A place where posts are published.
pub trait Platform: Send + Sync {
    /// The name under which settings and tables know the platform.
    fn name(&self) -> &'static str;

    /// What a caller has to know before it plans a delivery.
    fn capabilities(&self) -> Capabilities;

    /// Makes one attempt to publish `delivery`.
    ///
    /// Sending the same delivery again within [`Capabilities::idempotency_window`] of the first attempt publishes it
    /// at most once. A future that is dropped leaves the outcome as unknown as [`SendError::Ambiguous`] does.
    fn send<'a>(&'a self, delivery: &'a Outgoing) -> SendFuture<'a>;
}

/// The outcome of [`Platform::send`], in time.
pub type SendFuture<'a> = Pin<Box<dyn Future<Output = Result<Sent, SendError>> + Send + 'a>>;

/// What a platform offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The longest text it takes, in Unicode scalar values.
    pub max_chars: usize,
    /// How long after the first attempt a delivery may be sent again under the same nonce; `None` when never.
    pub idempotency_window: Option<Duration>,
    /// Whether this adapter can look for a message that it may have sent.
    pub read_back: bool,
}

/// A post on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where on the platform, if it has more than one place.
    pub channel: Option<String>,
    /// The text, exactly as it shall appear.
    pub text: String,
    /// What tells this delivery from every other one; the same for each attempt. See [`crate::nonce_for`].
    pub nonce: String,
}

/// A post that is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The platform's name for the message.
    pub message_id: String,
    /// Whether an earlier attempt had published it and this one only found it. `false` may also mean that the
    /// difference was too small to tell.
    pub deduplicated: bool,
}
