use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use botticelli_toml_document::nearest;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::provider::LimitSettings;
use crate::problem::Report;
use crate::{duration_text, secret};

/// `[llm]`: who writes the texts.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LlmSettings {
    /// Which kind of model service, or the name of one of `[providers]`. Default: `embedded`.
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
    /// How long a service may take to begin its answer. Default: as `timeout`.
    #[serde(
        deserialize_with = "duration_text::optional",
        serialize_with = "duration_text::serialize_optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub first_byte_timeout: Option<Duration>,
    /// How long it may say nothing in the midst of it. Default: as `timeout`.
    #[serde(
        deserialize_with = "duration_text::optional",
        serialize_with = "duration_text::serialize_optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub idle_timeout: Option<Duration>,
    /// How fast the whole fleet may ask it.
    pub limits: LimitSettings,
    /// Names of models that narratives use, each with the `PROVIDER/MODEL` or the provider that is asked instead.
    /// Default: none.
    pub aliases: BTreeMap<String, String>,
    /// The GGUF file of the embedded model. Default: none, the one in the data directory.
    pub model_file: Option<PathBuf>,
    /// Threads that the embedded model computes with. Default: 1.
    pub threads: NonZeroU16,
    /// The file of prepared replies for `scripted`. Default: none.
    pub script: Option<PathBuf>,
    /// A file that holds the key that `botticelli llm serve` demands; `LLM_SERVER_KEY` wins over it. Default: none.
    pub server_key_file: Option<PathBuf>,
    /// The server's key from `LLM_SERVER_KEY`. Never in a file; see [`crate::Settings::llm_server_key`].
    #[serde(skip_deserializing, serialize_with = "secret::masked")]
    pub(crate) server_key: Option<SecretString>,
    /// The service's key from `LLM_API_KEY` or `OPENAI_API_KEY`. Never in a file; see [`crate::Settings::llm_api_key`].
    #[serde(skip_deserializing, serialize_with = "secret::masked")]
    pub(crate) api_key: Option<SecretString>,
}

/// Which kind of model service writes the texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "String", into = "String")]
pub enum LlmBackend {
    /// A small model inside the worker process.
    #[default]
    Embedded,
    /// A service that speaks the `OpenAI` chat completions protocol.
    Openai,
    /// Prepared replies from a file, for demonstrations and tests.
    Scripted,
    /// One of `[providers]`.
    Provider(String),
}

impl From<String> for LlmBackend {
    fn from(name: String) -> Self {
        match name.as_str() {
            "embedded" => Self::Embedded,
            "openai" => Self::Openai,
            "scripted" => Self::Scripted,
            _ => Self::Provider(name),
        }
    }
}

impl From<LlmBackend> for String {
    fn from(backend: LlmBackend) -> Self {
        match backend {
            LlmBackend::Embedded => "embedded".to_owned(),
            LlmBackend::Openai => "openai".to_owned(),
            LlmBackend::Scripted => "scripted".to_owned(),
            LlmBackend::Provider(name) => name,
        }
    }
}

impl Default for LlmSettings {
    fn default() -> Self {
        Self {
            backend: LlmBackend::default(),
            base_url: None,
            model: None,
            api_key_file: None,
            timeout: Duration::from_mins(1),
            first_byte_timeout: None,
            idle_timeout: None,
            limits: LimitSettings::default(),
            aliases: BTreeMap::new(),
            model_file: None,
            threads: NonZeroU16::MIN,
            script: None,
            server_key_file: None,
            server_key: None,
            api_key: None,
        }
    }
}

impl LlmSettings {
    pub(super) fn check<'a>(&self, providers: impl Iterator<Item = &'a String> + Clone, report: &mut Report<'_>) {
        report.positive(&["llm", "timeout"], self.timeout);
        for (key, timeout) in [
            ("first_byte_timeout", self.first_byte_timeout),
            ("idle_timeout", self.idle_timeout),
        ] {
            if let Some(timeout) = timeout {
                report.positive(&["llm", key], timeout);
            }
        }
        self.limits.check(&["llm", "limits"], report);
        if let LlmBackend::Provider(name) = &self.backend
            && !providers.clone().any(|known| known == name)
        {
            let known: Vec<&str> = ["embedded", "openai", "scripted"]
                .into_iter()
                .chain(providers.map(String::as_str))
                .collect();
            let way_out = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the values here are `{}`", known.join("`, `")),
            };
            report.add(&["llm", "backend"], format!("unknown value `{name}`; {way_out}"));
        }
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
