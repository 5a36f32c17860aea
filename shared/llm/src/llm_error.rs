//! Why there is no answer, and what that means for the same request.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::Usage;

/// Why there is no answer. Its fields are those of [`LlmFailure`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LlmError(Box<LlmFailure>);

/// What is known about a failed call. The message names the provider, what happened and the way out; it never holds a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlmFailure {
    /// What kind of failure it is, which decides what to do about it.
    pub class: ErrorClass,
    /// The provider that was asked.
    pub provider: String,
    /// The model that was asked for, where that is known.
    pub model: Option<String>,
    /// What happened, with the way out.
    pub detail: String,
    /// The HTTP status, of a provider that gave one.
    pub status: Option<u16>,
    /// How long the provider asked us to wait.
    pub retry_after: Option<Duration>,
    /// What the failed call cost, where the provider told or an answer had begun.
    pub usage: Option<Usage>,
    /// Whether the request may have reached the model before the call failed, so that nobody knows whether it was charged for.
    pub may_have_run: bool,
    /// The text of an answer that is of no use as it is, so that nothing paid for is lost and a repair can quote it.
    pub answer: Option<String>,
}

/// The kinds of failures. Every provider's complaints are sorted into these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorClass {
    /// Too many calls or tokens in a short time; waiting for [`LlmFailure::retry_after`] helps.
    RateLimited,
    /// The credit, the spending limit or a long quota is used up. Only a payment or, where
    /// [`LlmFailure::retry_after`] is known, the quota's next period helps.
    QuotaExhausted,
    /// The key is missing or wrong, or may not do this.
    Unauthorized,
    /// The provider finds the request wrong: an unknown model, a parameter out of range, an address that is not the API.
    Invalid,
    /// The conversation is longer than the model can read.
    TooLong,
    /// The provider has trouble of its own: 408, 409, 5xx, Anthropic's 529.
    Overloaded,
    /// No connection, or one that broke.
    Transport,
    /// A limit of [`Timeouts`](crate::Timeouts) was hit.
    TimedOut,
    /// The token limit cut an answer that is of no use in part.
    Truncated,
    /// The answer is not what was asked for: blank, not JSON, against the schema, not of the protocol.
    Malformed,
    /// The model or a content filter declined for reasons of content.
    Declined,
    /// This backend cannot do what was asked, for example look at a picture. Nothing was sent.
    Unsupported,
}

impl ErrorClass {
    /// Whether the same request may succeed later at the same provider without anybody's help. A used-up quota does not
    /// count, although it does come back where [`LlmFailure::retry_after`] says so.
    pub fn is_transient(self) -> bool {
        match self {
            Self::RateLimited
            | Self::Overloaded
            | Self::Transport
            | Self::TimedOut
            // Models answer by chance: the next answer may be shorter or better.
            | Self::Truncated
            | Self::Malformed => true,
            Self::QuotaExhausted
            | Self::Unauthorized
            | Self::Invalid
            | Self::TooLong
            | Self::Declined
            | Self::Unsupported => false,
        }
    }

    /// Whether another provider may succeed. Not after a decision about the content, which is not to be taken to a laxer
    /// judge, and not with a request that is wrong everywhere.
    pub fn may_fall_back(self) -> bool {
        !matches!(self, Self::Declined | Self::Invalid)
    }

    /// Whether such a call was most likely charged for: the model had read the prompt. A call that timed out counts,
    /// because nobody can know.
    pub fn is_paid(self) -> bool {
        matches!(
            self,
            Self::Truncated | Self::Malformed | Self::Declined | Self::TimedOut
        )
    }

    /// The class's name in records and metrics, for example `rate_limited`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Unauthorized => "unauthorized",
            Self::Invalid => "invalid",
            Self::TooLong => "too_long",
            Self::Overloaded => "overloaded",
            Self::Transport => "transport",
            Self::TimedOut => "timed_out",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::Declined => "declined",
            Self::Unsupported => "unsupported",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl LlmError {
    /// A failure of `class` at `provider`. `detail` says what happened, with the way out.
    pub fn new(class: ErrorClass, provider: impl Into<String>, detail: impl Into<String>) -> Self {
        Self(Box::new(LlmFailure {
            class,
            provider: provider.into(),
            model: None,
            detail: detail.into(),
            status: None,
            retry_after: None,
            usage: None,
            may_have_run: false,
            answer: None,
        }))
    }

    /// A call that hit the limit `after` of its time.
    pub fn timed_out(provider: impl Into<String>, after: Duration) -> Self {
        Self::new(
            ErrorClass::TimedOut,
            provider,
            format!("did not answer within {after:?}"),
        )
    }

    /// The same, about `model`.
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.0.model = Some(model.into());
        self
    }

    /// The same, with the text of the unusable answer.
    pub fn with_answer(mut self, answer: impl Into<String>) -> Self {
        self.0.answer = Some(answer.into());
        self
    }

    /// The same, with what the call cost.
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.0.usage = Some(usage);
        self
    }

    /// The same of a call whose request may have reached the model.
    pub fn that_may_have_run(mut self) -> Self {
        self.0.may_have_run = true;
        self
    }

    /// Whether another provider may succeed: what [`ErrorClass::may_fall_back`] says, and also where a provider's status
    /// blames itself and not the content of the request, for example 404 for a model that only it does not know.
    pub fn may_fall_back(&self) -> bool {
        self.class.may_fall_back()
            || (self.class == ErrorClass::Invalid && !matches!(self.status, None | Some(400 | 422)))
    }

    /// Whether the call may have been charged for: what [`ErrorClass::is_paid`] says, a known cost, or a request that reached the
    /// provider before the connection broke.
    pub fn is_paid(&self) -> bool {
        self.class.is_paid() || self.may_have_run || self.usage.is_some()
    }
}

impl Deref for LlmError {
    type Target = LlmFailure;

    fn deref(&self) -> &LlmFailure {
        &self.0
    }
}

impl DerefMut for LlmError {
    fn deref_mut(&mut self) -> &mut LlmFailure {
        &mut self.0
    }
}

impl fmt::Display for LlmFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, detail, .. } = self;
        let model = || self.model.as_ref().unwrap_or(provider);
        match self.class {
            ErrorClass::RateLimited | ErrorClass::Overloaded | ErrorClass::Transport => {
                write!(f, "model provider `{provider}` is unavailable: {detail}")
            }
            ErrorClass::TimedOut => write!(f, "model provider `{provider}` {detail}"),
            ErrorClass::Unsupported => write!(f, "model provider `{provider}` cannot do this: {detail}"),
            ErrorClass::QuotaExhausted | ErrorClass::Unauthorized | ErrorClass::Invalid => {
                write!(f, "model provider `{provider}` refused the request: {detail}")
            }
            ErrorClass::Truncated | ErrorClass::Malformed => {
                write!(f, "model `{}` gave an unusable answer: {detail}", model())
            }
            ErrorClass::TooLong => write!(f, "model `{}` cannot read the whole request: {detail}", model()),
            ErrorClass::Declined => write!(f, "model `{}` declined to answer: {detail}", model()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_content_goes_to_no_other_provider() {
        assert!(!LlmError::new(ErrorClass::Declined, "far", "no").may_fall_back());
        assert!(LlmError::new(ErrorClass::QuotaExhausted, "far", "no").may_fall_back());
    }

    #[test]
    fn a_request_that_is_wrong_everywhere_goes_to_no_other_provider_but_an_unknown_model_does() {
        let mut error = LlmError::new(ErrorClass::Invalid, "far", "no");
        assert!(!error.may_fall_back());
        error.status = Some(400);
        assert!(!error.may_fall_back());
        error.status = Some(404);
        assert!(error.may_fall_back());
    }

    #[test]
    fn an_error_with_a_known_cost_is_paid() {
        let error = LlmError::new(ErrorClass::Transport, "far", "it broke");
        assert!(!error.is_paid());
        assert!(error.with_usage(Usage::default()).is_paid());
    }

    #[test]
    fn the_message_names_the_model_of_an_answer_and_the_provider_of_a_failure() {
        let error = |class| LlmError::new(class, "far", "no").with_model("m").to_string();
        assert_eq!(error(ErrorClass::Malformed), "model `m` gave an unusable answer: no");
        assert_eq!(
            error(ErrorClass::QuotaExhausted),
            "model provider `far` refused the request: no"
        );
    }
}
