//! Who says it: one trait over every language model, and one file per wire format.
//!
//! [`LanguageModel::generate`] takes a conversation and, optionally, a JSON schema; it gives back text that has been
//! checked against that schema here, whatever the provider claims to have enforced.
//!
//! | Backend | What answers |
//! |---|---|
//! | [`OpenAi`] | any service that speaks the `OpenAI` chat completions protocol |
#![cfg_attr(
    feature = "embedded",
    doc = "| [`Embedded`] | a small model inside this process: no key, no network |"
)]
//! | [`Scripted`] | prepared answers, for tests and demonstrations |

#[cfg(feature = "embedded")]
mod embedded;
mod expectation;
mod llm_error;
mod message;
mod model;
mod openai;
mod scripted;
mod usage;

#[cfg(feature = "embedded")]
pub use embedded::{Embedded, EmbeddedError, EmbeddedOptions};
pub use llm_error::{ErrorClass, LlmError, LlmFailure};
pub use message::{Media, MediaKind, Message, Part, Role};
pub use model::{Finish, LanguageModel, Remaining, Reply, ReplyFuture, Request, Timeouts};
pub use openai::{OpenAi, OpenAiOptions, OpenAiSetupError};
pub use scripted::{Answer, Hold, Scripted};
pub use usage::Usage;
