//! Who says it: one trait over every language model, and one file per wire format.
//!
//! [`LanguageModel::generate`] takes a conversation and, optionally, a JSON schema; it gives back text that has been
//! checked against that schema here, whatever the provider claims to have enforced.
//!
//! | Backend | What answers |
//! |---|---|
//! | [`open`] with [`Wire::OpenAi`] | `OpenAI` chat completions, and any service that speaks them |
//! | [`open`] with [`Wire::OpenAiResponses`] | `OpenAI` responses |
//! | [`open`] with [`Wire::Anthropic`] | Anthropic messages |
//! | [`open`] with [`Wire::Gemini`] | Gemini `generateContent` |
//! | [`open`] with [`Wire::Ollama`] | Ollama's own chat |
#![cfg_attr(
    feature = "embedded",
    doc = "| [`Embedded`] | a small model inside this process: no key, no network |"
)]
//! | [`Scripted`] | prepared answers, for tests and demonstrations |
//! | [`Replay`] | what a [`Recording`] of another backend holds |

mod compiled_schemas;
#[cfg(feature = "embedded")]
mod embedded;
mod expectation;
mod llm_error;
mod message;
mod model;
mod name_pattern;
mod price;
mod prompt_hash;
mod provider;
mod providers;
mod recording;
mod remote;
mod scripted;
mod usage;
mod wires;

pub use compiled_schemas::{SchemaMistake, check_schema};
#[cfg(feature = "embedded")]
pub use embedded::{Embedded, EmbeddedError, EmbeddedOptions};
pub use llm_error::{ErrorClass, LlmError, LlmFailure};
pub use message::{Media, MediaKind, Message, Part, Role};
pub use model::{Finish, LanguageModel, Remaining, Reply, ReplyFuture, Request, Timeouts};
pub use name_pattern::NamePattern;
pub use price::{Price, Prices};
pub use prompt_hash::Fingerprint;
pub use provider::{MaxTokensField, ProviderOptions, SetupError, UnknownWire, Wire, open};
pub use providers::{Providers, Route, RouteError, Routing, RoutingError};
pub use recording::{Recording, RecordingError, Replay};
pub use scripted::{Answer, Hold, Scripted};
pub use usage::Usage;
