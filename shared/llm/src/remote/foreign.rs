//! What came back from a service, before anybody has made sense of it.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};

use crate::expectation::excerpt;
use crate::{ErrorClass, LlmError};

/// The headers that name a call for the provider's support: those of `OpenAI` and its kin, and of Anthropic.
const REQUEST_IDS: [&str; 2] = ["x-request-id", "request-id"];

/// Secrets shorter than this are settings, not keys, and would tear ordinary words apart.
const SHORTEST_SECRET: usize = 6;

pub(super) struct Foreign<'a> {
    pub(super) provider: &'a str,
    pub(super) model: &'a str,
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    pub(super) secrets: &'a [SecretString],
}

impl Foreign<'_> {
    /// A part of the answer on one short line, without the key that some services repeat in their complaints.
    pub(super) fn safe(&self, text: &str) -> String {
        excerpt(&self.without_secrets(text))
    }

    fn without_secrets(&self, text: &str) -> String {
        let secrets = self.secrets.iter().map(ExposeSecret::expose_secret);
        secrets
            .filter(|secret| secret.len() >= SHORTEST_SECRET)
            .fold(text.to_owned(), |text, secret| text.replace(secret, "[key]"))
    }

    pub(super) fn excerpt(&self) -> String {
        self.safe(&String::from_utf8_lossy(self.body))
    }

    /// The provider's name for the call, for its support.
    pub(super) fn request_id(&self) -> Option<String> {
        REQUEST_IDS.iter().find_map(|name| self.header(name)).map(excerpt)
    }

    /// A header's text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?.to_str().ok()?;
        Some(value.trim())
    }

    pub(super) fn bad(&self, detail: String) -> LlmError {
        self.error(ErrorClass::Malformed, detail)
    }

    pub(super) fn error(&self, class: ErrorClass, detail: String) -> LlmError {
        LlmError::new(class, self.provider, detail).with_model(self.model)
    }
}
