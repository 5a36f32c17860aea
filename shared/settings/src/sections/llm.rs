use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::problem::Report;
use crate::{duration_text, secret};

/// `[llm]`: who writes the texts.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LlmSettings {
    /// Which kind of model service. Default: `embedded`.
    pub backend: LlmBackend,
    /// The service's address for `openai`, up to and without `/chat/completions`. Default: none.
    pub base_url: Option<String>,
    /// The model's name for `openai`, where a narrative names none. Default: none.
    pub model: Option<String>,
    /// A file that holds the service's key; `LLM_API_KEY` wins over it. Default: none.
    pub api_key_file: Option<PathBuf>,
    /// How long one request may take. Default: 60s.
    #[serde(with = "duration_text")]
    pub timeout: Duration,
    /// The GGUF file of the embedded model. Default: none, the one in the data directory.
    pub model_file: Option<PathBuf>,
    /// Threads that the embedded model computes with. Default: 1.
    pub threads: NonZeroU16,
    /// The file of prepared replies for `scripted`. Default: none.
    pub script: Option<PathBuf>,
    /// The service's key from `LLM_API_KEY` or `OPENAI_API_KEY`. Never in a file; see [`crate::Settings::llm_api_key`].
    #[serde(skip_deserializing, serialize_with = "secret::masked")]
    pub(crate) api_key: Option<SecretString>,
}

/// Which kind of model service writes the texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LlmBackend {
    /// A small model inside the worker process.
    #[default]
    Embedded,
    /// A service that speaks the `OpenAI` chat completions protocol.
    Openai,
    /// Prepared replies from a file, for demonstrations and tests.
    Scripted,
}

impl Default for LlmSettings {
    fn default() -> Self {
        Self {
            backend: LlmBackend::default(),
            base_url: None,
            model: None,
            api_key_file: None,
            timeout: Duration::from_mins(1),
            model_file: None,
            threads: NonZeroU16::MIN,
            script: None,
            api_key: None,
        }
    }
}

impl LlmSettings {
    pub(super) fn check(&self, report: &mut Report<'_>) {
        report.positive(&["llm", "timeout"], self.timeout);
        match &self.base_url {
            Some(url) => report.web_address(&["llm", "base_url"], url),
            None if self.backend == LlmBackend::Openai => {
                let text = "backend `openai` needs it; write the service's address such as `https://api.openai.com/v1`";
                report.add(&["llm", "base_url"], text);
            }
            None => {}
        }
        if self.backend == LlmBackend::Openai && self.model.is_none() {
            report.add(
                &["llm", "model"],
                "backend `openai` needs it; write the model's name as the service knows it",
            );
        }
        if self.backend == LlmBackend::Scripted && self.script.is_none() {
            let text = "backend `scripted` needs it; write the path of the file with the replies";
            report.add(&["llm", "script"], text);
        }
    }
}
