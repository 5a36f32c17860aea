//! What a run gives back.

use botticelli_llm::Usage;
use serde_json::Value;

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
    /// The acts that failed, each of which ended a repetition of a carousel with `continue_on_error`.
    pub acts_failed: u32,
    /// Why they failed, in the order in which they did.
    pub failures: Vec<String>,
    /// What all acts together used, resumed ones included.
    pub usage: Usage,
}

/// What one narrative had to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The narrative.
    pub narrative: String,
    /// The carousel's counter, from 1: the narrative's own, or that of the narrative that composed it.
    pub iteration: u32,
    /// Where the output belongs: the narrative's target, or that of the narrative that composed it. `None` where neither
    /// has one, and where the narrative has `skip_content_generation`.
    pub target: Option<String>,
    /// The last act's reply.
    pub text: String,
    /// The last act's reply as JSON, exactly when that act has a schema.
    pub json: Option<Value>,
    /// The model that gave the last reply; `None` when none was asked.
    pub model: Option<String>,
}
