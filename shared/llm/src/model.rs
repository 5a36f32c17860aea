//! The port: what every backend promises.

use std::{pin::Pin, time::Duration};

use serde::{Deserialize, Serialize};

/// A boxed future, so that backends can be chosen at run time behind `dyn LanguageModel`.
pub type ReplyFuture<'a> = Pin<Box<dyn Future<Output = Result<Reply, LlmError>> + Send + 'a>>;

/// A model that answers conversations.
pub trait LanguageModel: Send + Sync {
    /// Answers `request` once. Makes no retry of its own: the caller's job policy decides about that.
    ///
    /// # Errors
    ///
    /// [`LlmError`], whose variants say whether the same request may succeed later.
    fn generate<'a>(&'a self, request: &'a Request) -> ReplyFuture<'a>;

    /// The provider's name for logs and usage records, for example `embedded` or `openai`.
    fn provider(&self) -> &str;
}

/// Who said a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The prompt's side.
    User,
    /// The model's side.
    Assistant,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub content: String,
}

/// One question to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The model to ask; `None` takes the backend's configured one.
    pub model: Option<String>,
    /// The system instruction.
    pub system: Option<String>,
    /// The conversation, oldest first; the last message is the user's.
    pub messages: Vec<Message>,
    /// The JSON schema that the reply must satisfy; `None` means free text.
    pub schema: Option<serde_json::Value>,
    /// The most tokens to generate.
    pub max_tokens: Option<u32>,
    /// Sampling temperature, 0 to 2.
    pub temperature: Option<f32>,
    /// Sampling seed, for backends that know one.
    pub seed: Option<u64>,
    /// How long the whole call may take.
    pub timeout: Duration,
}

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model ended its answer.
    Stop,
    /// The token limit cut the answer.
    Length,
}

/// Tokens that a call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The answer as text.
    pub text: String,
    /// The answer as JSON, present and valid exactly when the request had a schema.
    pub json: Option<serde_json::Value>,
    /// What it cost.
    pub usage: Usage,
    /// Why the model stopped.
    pub finish: Finish,
    /// The model that answered, as the backend names it.
    pub model: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LlmError {
    /// The provider could not be reached, or answered 408, 409, 429 or 5xx; the same request may succeed later.
    #[error("model provider `{provider}` is unavailable: {detail}")]
    Unavailable {
        /// The backend.
        provider: String,
        /// What happened, with the way out.
        detail: String,
        /// How long the provider asked us to wait.
        retry_after: Option<Duration>,
    },
    /// The provider refused the request for good: wrong key, unknown model, no credit, malformed request.
    #[error("model provider `{provider}` refused the request: {detail}")]
    Refused {
        /// The backend.
        provider: String,
        /// What happened, with the way out.
        detail: String,
    },
    /// The answer is not what was asked for: garbage, cut by the token limit, or against the schema.
    #[error("model `{model}` gave an unusable answer: {detail}")]
    BadReply {
        /// The model that answered.
        model: String,
        /// What is wrong with the answer.
        detail: String,
    },
    /// The model declined for reasons of content.
    #[error("model `{model}` declined to answer: {detail}")]
    Declined {
        /// The model that declined.
        model: String,
        /// The provider's reason.
        detail: String,
    },
    /// The call took longer than [`Request::timeout`].
    #[error("model provider `{provider}` did not answer within {timeout:?}")]
    TimedOut {
        /// The backend.
        provider: String,
        /// The limit that was hit.
        timeout: Duration,
    },
}
