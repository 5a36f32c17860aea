//! What a run gives back.

use std::sync::Arc;

use botticelli_llm::Usage;
use serde_json::Value;

use crate::narrative::Target;

/// A finished run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NarrativeRun {
    /// The last reply of every narrative that was played to its end, in the order in which they ended. A narrative whose
    /// last act is a composition has none of its own.
    pub outputs: Vec<Output>,
    /// The acts that were played.
    pub acts_run: u32,
    /// The acts whose saved records were used in place of playing them.
    pub acts_resumed: u32,
    /// The acts that were passed over, because what they ask for did not hold.
    pub acts_skipped: u32,
    /// The acts that failed, each of which ended a repetition of a carousel with `continue_on_error`.
    pub acts_failed: u32,
    /// Why they failed, in the order in which they did.
    pub failures: Vec<String>,
    /// What all acts together used, resumed ones included.
    pub usage: Usage,
    /// The calls of models that all acts together made, resumed ones included.
    pub calls: u32,
}

/// What one narrative had to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The narrative.
    pub narrative: String,
    /// The narrative's version.
    pub version: String,
    /// The act that said it.
    pub act: String,
    /// The key of the step that it said it in.
    pub step: String,
    /// The carousel's counter, from 1: the narrative's own, or that of the narrative that composed it.
    pub iteration: u32,
    /// Where the output belongs: the narrative's target, or that of the narrative that composed it. `None` where neither
    /// has one, and where the narrative or the act has `skip_content_generation`.
    pub target: Option<Target>,
    /// The last act's reply.
    pub text: String,
    /// The last act's reply as JSON, if it is that.
    pub json: Option<Value>,
    /// The JSON schema of the last act's reply, if it has one.
    pub schema: Option<Arc<Value>>,
    /// The provider that gave the last reply; `None` when none was asked.
    pub provider: Option<String>,
    /// The model that gave the last reply; `None` when none was asked.
    pub model: Option<String>,
    /// A hash of what it was asked; `None` when none was.
    pub prompt_hash: Option<String>,
}
