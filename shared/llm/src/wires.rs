//! The wire formats: how a question is written, and how an answer is read, whole or piece by piece.
//!
//! Facts come from the type files of the providers' own clients: `openai` 6.49.0, `@anthropic-ai/sdk` 1.14.0, `@google/genai`
//! 2.32.0 and `ollama` 0.6.4.

mod anthropic;
mod encoded;
mod gemini;
mod ollama;
mod openai;
mod openai_responses;
mod schema;
mod turn;

use reqwest::Url;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub(crate) use anthropic::Anthropic;
pub(crate) use gemini::Gemini;
pub(crate) use ollama::Ollama;
pub(crate) use openai::OpenAi;
pub(crate) use openai_responses::OpenAiResponses;

use crate::remote::{Framing, Said};
use crate::{MediaKind, Request};

/// Services demand a name for every schema and show it to the model.
const SCHEMA_NAME: &str = "reply";

/// One wire format.
pub(crate) trait Dialect: Send + Sync {
    /// Whether a question may show files of this kind.
    fn takes(&self, kind: MediaKind) -> bool;

    /// Where a question goes, from the service's address.
    fn endpoint(&self, base: &Url, asked: &Asked<'_>) -> Url;

    /// The name and the value of the header that carries `key`.
    fn authorization(&self, key: &str) -> (&'static str, String);

    /// Headers of every call.
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The question as the service wants it.
    fn body(&self, asked: &Asked<'_>) -> Result<Vec<u8>, Unsayable>;

    /// How the events of a streamed answer are told apart.
    fn framing(&self) -> Framing {
        Framing::ServerSentEvents
    }

    /// Reads an answer that came whole.
    fn whole(&self, body: &[u8], said: &mut Said) -> Result<(), Fault>;

    /// Reads one event of a streamed answer.
    fn event(&self, event: &[u8], said: &mut Said) -> Result<(), Fault>;
}

/// A question on its way out.
pub(crate) struct Asked<'a> {
    pub(crate) request: &'a Request,
    /// The model that is asked.
    pub(crate) model: &'a str,
    /// Whether the answer is to come piece by piece.
    pub(crate) is_streamed: bool,
}

/// Why a question cannot be put in this format, with the way out.
pub(crate) struct Unsayable(pub(crate) String);

/// Why an answer, or an event of it, is none.
pub(crate) enum Fault {
    /// It is not what the format says.
    Garbage(String),
    /// It is a complaint of the service, although the response began as a success.
    Complaint(Value),
}

impl Fault {
    /// What `body` complains of.
    fn complaint(body: &[u8]) -> Self {
        serde_json::from_slice(body).map_or_else(Self::from, Self::Complaint)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Garbage(error.to_string())
    }
}

/// A number of tokens as a service tells it. One that makes no sense, such as -1, is as good as none: the answer is paid for
/// and stands.
#[derive(Debug, Default, Clone, Copy)]
struct Count(Option<u64>);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self(value.as_u64()))
    }
}

impl Count {
    fn or_zero(self) -> u64 {
        self.0.unwrap_or(0)
    }
}

/// Writes a body. The only values that cannot be written are of our own making.
fn written(body: &impl Serialize) -> Result<Vec<u8>, Unsayable> {
    serde_json::to_vec(body).map_err(|error| Unsayable(format!("the request cannot be written as JSON ({error})")))
}

/// `base` with `path` behind its own, and with `version` between them where `base` has no path.
fn under(base: &Url, version: &str, path: &str) -> Url {
    let mut url = base.clone();
    let own = match base.path().trim_end_matches('/') {
        "" => version,
        own => own,
    };
    let path = format!("{own}/{path}");
    url.set_path(&path);
    url
}

/// `base` with `path` behind its own, and with `version` between them unless `base` ends in it.
fn versioned(base: &Url, version: &str, path: &str) -> Url {
    let mut url = base.clone();
    let own = base.path().trim_end_matches('/');
    let own = own.strip_suffix(version).unwrap_or(own);
    let path = format!("{own}{version}/{path}");
    url.set_path(&path);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(base: &str, place: impl Fn(&Url) -> Url) -> String {
        Url::parse(base).map_or_else(|error| error.to_string(), |base| place(&base).to_string())
    }

    #[test]
    fn only_an_address_without_a_path_gets_the_version_of_openai() {
        let chat = |base: &str| at(base, |base| under(base, "/v1", "chat/completions"));
        for base in ["http://host", "http://host/", "http://host/v1", "http://host/v1/"] {
            assert_eq!(chat(base), "http://host/v1/chat/completions", "{base}");
        }
        assert_eq!(
            chat("http://host/api/v3?a=b"),
            "http://host/api/v3/chat/completions?a=b"
        );
    }

    #[test]
    fn the_version_of_the_others_is_added_where_it_is_missing() {
        let messages = |base: &str| at(base, |base| versioned(base, "/v1", "messages"));
        for base in ["http://host", "http://host/", "http://host/v1", "http://host/v1/"] {
            assert_eq!(messages(base), "http://host/v1/messages", "{base}");
        }
        assert_eq!(messages("http://host/anthropic"), "http://host/anthropic/v1/messages");
    }
}
