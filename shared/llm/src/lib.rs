//! Who says it: one trait over every language model, and one file per wire format.
//!
//! [`LanguageModel::generate`] takes a conversation and, optionally, a JSON schema; it gives back text that has been
//! checked against that schema here, whatever the provider claims to have enforced.

mod model;

pub use model::{Finish, LanguageModel, LlmError, Message, Reply, ReplyFuture, Request, Role, Usage};
