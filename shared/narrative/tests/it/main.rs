//! What authors of narratives and callers of the executor are promised.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod answers;
mod carousels;
mod conversations;
mod descriptions;
mod documentation;
mod failures;
mod fallbacks;
mod filled_filters;
mod filter_properties;
mod filters;
mod histories;
mod hostile_documents;
mod inputs;
mod json_schema;
mod loading;
mod references;
mod refusals;
mod repetitions;
mod resuming;
mod shipped_narratives;
mod stage;
mod stages;
mod surroundings;
mod tables;
mod template_refusals;
mod templates;
mod upstream_defects;
mod upstream_forms;
