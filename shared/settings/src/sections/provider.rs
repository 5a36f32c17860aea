use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::problem::Report;
use crate::secret;

/// `[providers.NAME]`: a model service that narratives may ask.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// What the service speaks.
    pub wire: ProviderWire,
    /// The service's address. Default: that of the wire format's own service.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The model that is asked where a narrative names none. Empty for `embedded`, which has one.
    #[serde(default)]
    pub model: String,
    /// Models that it is asked for although a narrative names no provider, `*` standing for any text. Default: none but
    /// `model`.
    #[serde(default)]
    pub models: Vec<String>,
    /// A file that holds the service's key; the variable `<NAME>_API_KEY` wins over it. Default: none.
    #[serde(default)]
    pub api_key_file: Option<PathBuf>,
    /// How fast the whole fleet may ask it.
    #[serde(default)]
    pub limits: LimitSettings,
    /// The key from the environment. Never in a file; see [`crate::Settings::provider_api_key`].
    #[serde(skip_deserializing, serialize_with = "secret::masked", default)]
    pub(crate) api_key: Option<SecretString>,
}

/// What a model service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderWire {
    /// `OpenAI` chat completions, and everybody who speaks them.
    #[serde(rename = "openai")]
    OpenAi,
    /// `OpenAI` responses.
    #[serde(rename = "openai_responses")]
    OpenAiResponses,
    /// Anthropic messages.
    Anthropic,
    /// Gemini `generateContent`.
    Gemini,
    /// Ollama's own chat.
    Ollama,
    /// Nothing: the small model inside the process, with `model_file` and `threads` of `[llm]`.
    Embedded,
}

/// How fast the whole fleet may ask one model; `None` sets no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// Calls in a minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens in a minute, of prompts and answers together.
    pub tokens_per_minute: Option<u32>,
    /// Calls in a day.
    pub requests_per_day: Option<u32>,
    /// Calls at the same time.
    pub concurrency: Option<u32>,
}

impl LimitSettings {
    pub(super) fn check(self, key: &[&str], report: &mut Report<'_>) {
        let limits = [
            ("requests_per_minute", self.requests_per_minute),
            ("tokens_per_minute", self.tokens_per_minute),
            ("requests_per_day", self.requests_per_day),
            ("concurrency", self.concurrency),
        ];
        for (name, _) in limits.into_iter().filter(|(_, limit)| *limit == Some(0)) {
            let path = [key, &[name]].concat();
            report.add(&path, "a limit of 0 lets nothing through; leave it out to set none");
        }
    }
}

/// Names that mean something else where a provider is named.
const RESERVED: [&str; 3] = ["embedded", "openai", "scripted"];

impl ProviderSettings {
    pub(super) fn check(&self, name: &str, report: &mut Report<'_>) {
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'));
        if !is_name {
            report.add(
                &["providers", name],
                "a provider's name has lower-case letters, digits, `_` and `-` only",
            );
        }
        if RESERVED.contains(&name) {
            report.add(
                &["providers", name],
                "this name is that of a `backend` of `[llm]`; give the provider another one",
            );
        }
        if let Some(url) = &self.base_url {
            report.web_address(&["providers", name, "base_url"], url);
        }
        if self.wire == ProviderWire::Embedded {
            self.check_embedded(name, report);
        } else if self.model.trim().is_empty() {
            let text = "write the name of the model that is asked where a narrative names none";
            report.add(&["providers", name, "model"], text);
        }
        self.limits.check(&["providers", name, "limits"], report);
    }

    /// What leads to a service leads nowhere here.
    fn check_embedded(&self, name: &str, report: &mut Report<'_>) {
        let set = [
            ("base_url", self.base_url.is_some()),
            ("model", !self.model.is_empty()),
            ("models", !self.models.is_empty()),
            ("api_key_file", self.api_key_file.is_some()),
        ];
        for (key, _) in set.into_iter().filter(|(_, is_set)| *is_set) {
            let text = "the embedded model needs none; leave it out";
            report.add(&["providers", name, key], text);
        }
    }
}
