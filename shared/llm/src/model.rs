//! The port: what every backend promises.

use std::{pin::Pin, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{LlmError, MediaKind, Message, Usage};

/// A boxed future, so that backends can be chosen at run time behind `dyn LanguageModel`.
pub type ReplyFuture<'a> = Pin<Box<dyn Future<Output = Result<Reply, LlmError>> + Send + 'a>>;

/// A model that answers conversations.
pub trait LanguageModel: Send + Sync {
    /// Answers `request` once. Makes no retry of its own: the caller's job policy decides about that. Dropping the future
    /// ends the call, and the connection with it.
    ///
    /// # Errors
    ///
    /// [`LlmError`], whose class says whether the same request may succeed later or elsewhere.
    fn generate<'a>(&'a self, request: &'a Request) -> ReplyFuture<'a>;

    /// As [`generate`](Self::generate), and tells `on_text` the pieces of the text as they come. A backend that cannot
    /// tell the whole text at once, at its end. The reply is the same, and checked the same: pieces that were told are
    /// not yet an answer, and an error may still follow them.
    ///
    /// # Errors
    ///
    /// As [`generate`](Self::generate).
    fn stream<'a>(&'a self, request: &'a Request, on_text: &'a mut (dyn FnMut(&str) + Send)) -> ReplyFuture<'a> {
        Box::pin(async move {
            let reply = self.generate(request).await?;
            on_text(&reply.text);
            Ok(reply)
        })
    }

    /// The configured provider's name for logs and usage records, for example `embedded` or `openai`.
    fn provider(&self) -> &str;

    /// The model that a request without one is for, as the provider names it; `None` where the backend has no names for models.
    fn own_model(&self) -> Option<&str> {
        None
    }

    /// Whether it may have a model of that name; false only where it is known not to.
    fn serves(&self, model: &str) -> bool {
        let _ = model;
        true
    }

    /// Whether a conversation may show files of this kind. A request with another one fails as
    /// [`Unsupported`](crate::ErrorClass::Unsupported) before anything is sent.
    fn takes(&self, kind: MediaKind) -> bool {
        let _ = kind;
        false
    }
}

/// One question to a model. A clone shares the payload of the original.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The model to ask; `None` takes the backend's configured one.
    pub model: Option<String>,
    /// The system instruction.
    pub system: Option<Arc<str>>,
    /// The conversation, oldest first; the last message is the user's.
    pub messages: Vec<Message>,
    /// The JSON schema that the reply must satisfy; `None` means free text.
    pub schema: Option<Arc<Value>>,
    /// The most tokens to generate.
    pub max_tokens: Option<u32>,
    /// Sampling temperature, 0 to 2.
    pub temperature: Option<f32>,
    /// Sampling from the most likely tokens that together have this probability, 0 to 1.
    pub top_p: Option<f32>,
    /// Texts at which the answer ends; they are not part of it.
    pub stop: Vec<String>,
    /// Sampling seed, for backends that know one.
    pub seed: Option<u64>,
    /// How long the call may take.
    pub timeouts: Timeouts,
}

impl Request {
    /// A question that leaves everything to the backend but the conversation and the time.
    pub fn of(messages: impl Into<Vec<Message>>, timeouts: Timeouts) -> Self {
        Self {
            model: None,
            system: None,
            messages: messages.into(),
            schema: None,
            max_tokens: None,
            temperature: None,
            top_p: None,
            stop: Vec::new(),
            seed: None,
            timeouts,
        }
    }
}

/// How long a call may take. Whichever limit is hit first ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From the call to the head of the response. A service that does not stream sends nothing before its answer is
    /// complete, so this has to allow for the whole answer there.
    pub first_byte: Duration,
    /// Between two pieces of the response.
    pub idle: Duration,
    /// From the call to the whole reply, connecting and queueing included.
    pub total: Duration,
}

impl Timeouts {
    /// The limit of `total` and no other.
    pub fn within(total: Duration) -> Self {
        Self {
            first_byte: total,
            idle: total,
            total,
        }
    }
}

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model ended its answer, or came to a text of [`Request::stop`].
    Stop,
    /// The token limit cut the answer.
    Length,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The answer as text.
    pub text: String,
    /// The answer as JSON, present and valid exactly when the request had a schema.
    pub json: Option<Value>,
    /// What it cost.
    pub usage: Usage,
    /// Why the model stopped.
    pub finish: Finish,
    /// The model that answered, as the backend names it.
    pub model: String,
    /// The provider's name for the call, for its support.
    #[serde(default)]
    pub request_id: Option<String>,
    /// What the provider says is left of its limits.
    #[serde(default)]
    pub remaining: Option<Remaining>,
}

/// What is left of a provider's rate limits after a call, as far as it tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remaining {
    /// Calls until the limit.
    pub requests: Option<u64>,
    /// How long until the limit of calls is whole again.
    pub requests_reset: Option<Duration>,
    /// Tokens until the limit.
    pub tokens: Option<u64>,
    /// How long until the limit of tokens is whole again.
    pub tokens_reset: Option<Duration>,
}
