//! What authors of narratives and callers of the executor are promised.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod carousels;
mod conversations;
mod failures;
mod hostile_documents;
mod loading;
mod refusals;
mod resuming;
mod shipped_narratives;
mod stage;
mod tables;
mod template_refusals;
mod templates;
