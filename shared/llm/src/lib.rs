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
mod model;
mod openai;
mod scripted;

#[cfg(feature = "embedded")]
pub use embedded::{Embedded, EmbeddedError, EmbeddedOptions};
pub use model::{Finish, LanguageModel, LlmError, Message, Reply, ReplyFuture, Request, Role, Usage};
pub use openai::{OpenAi, OpenAiOptions, OpenAiSetupError};
pub use scripted::{Answer, Hold, Scripted};
