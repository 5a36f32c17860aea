//! A language model of this process, served to programs that speak `OpenAI` chat completions.
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/chat/completions` | the model's answer, whole or streamed |
//! | `GET /v1/models`, `GET /v1/models/{id}` | the one model that is served |
//! | `GET /health` | 200 while the process serves; needs no key |
//!
//! What the model cannot do is refused with the parameter's name, and never left out silently. Errors are `OpenAI`'s error objects
//! everywhere, also for unknown paths.
//!
//! Facts of the wire come from the type files of `OpenAI`'s own client, `openai` 6.49.0.

mod access;
mod answering;
mod completion;
mod desk;
mod listening;
mod question;
mod refusal;
mod router;
mod streaming;

pub use desk::ServerOptions;
pub use listening::{ServeError, listen, serve};
pub use router::router;
