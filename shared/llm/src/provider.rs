//! Which service to ask, and how: from options to a model.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc, time::Duration};

use reqwest::Url;
use secrecy::SecretString;

use crate::LanguageModel;
use crate::remote::{Connection, Remote};
use crate::wires::{Anthropic, Dialect, Gemini, Ollama, OpenAi, OpenAiResponses};

/// A service that is up accepts a connection at once; the rest of the time belongs to the model.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The wire formats that services speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Wire {
    /// `OpenAI` chat completions, and everybody who speaks it: vLLM, llama.cpp, `OpenRouter`, Groq, …
    OpenAi,
    /// `OpenAI` responses. It knows no stop texts and no seed.
    OpenAiResponses,
    /// Anthropic messages.
    Anthropic,
    /// Gemini `generateContent`.
    Gemini,
    /// Ollama's own chat.
    Ollama,
}

/// One service and how it is asked.
///
/// There is no `Debug`: the address and the headers may hold keys.
#[derive(Clone)]
pub struct ProviderOptions {
    /// The name under which the provider appears in logs, records and errors.
    pub name: String,
    /// What it speaks.
    pub wire: Wire,
    /// The service's address, without the path of the call: `https://api.openai.com/v1` and `https://api.openai.com` are
    /// the same. `None` takes the address of the wire format's own service.
    pub base_url: Option<String>,
    /// The service's key. `None` and the empty one send none, which is right for local services.
    pub api_key: Option<SecretString>,
    /// The model of requests that name none.
    pub model: String,
    /// More headers of every call. They win over those of the wire format.
    pub headers: BTreeMap<String, SecretString>,
    /// How the limit of tokens is called by [`Wire::OpenAi`]; the others have one name for it. `None` takes
    /// [`MaxTokensField::Completion`] for `OpenAI` itself and [`MaxTokensField::Plain`] for everybody else.
    pub max_tokens_field: Option<MaxTokensField>,
    /// How long connecting may take, TLS included.
    pub connect_timeout: Duration,
}

/// What a chat completion calls the limit of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxTokensField {
    /// `max_tokens`: deprecated at `OpenAI`, and the only one that most compatible services know.
    Plain,
    /// `max_completion_tokens`: what `OpenAI` wants, and its reasoning models demand.
    Completion,
}

/// Why a provider cannot be opened from its options. No message repeats a key, an address or a header's value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The address is not one of HTTP. Its text is not repeated, because it may hold a password.
    #[error("`base_url` of model provider `{provider}` {problem}; write the service's address such as `{example}`")]
    BaseUrl {
        /// The provider.
        provider: String,
        /// What is wrong with it.
        problem: String,
        /// An address of that kind.
        example: &'static str,
    },
    /// The key cannot be sent.
    #[error(
        "the API key of model provider `{provider}` holds a character that no HTTP header can carry; look for a line break"
    )]
    ApiKey {
        /// The provider.
        provider: String,
    },
    /// A header cannot be sent.
    #[error(
        "header `{header}` of model provider `{provider}` has a name or a value that HTTP cannot carry; correct it"
    )]
    Header {
        /// The provider.
        provider: String,
        /// The header's name.
        header: String,
    },
    /// The HTTP client cannot start, for example because this machine has no root certificates.
    #[error(
        "the HTTP client for model provider `{provider}` cannot start; check that this machine has root certificates"
    )]
    Client {
        /// The provider.
        provider: String,
        /// What the client says.
        #[source]
        source: reqwest::Error,
    },
}

impl ProviderOptions {
    /// The wire format's own service, without a key.
    pub fn new(name: impl Into<String>, wire: Wire, model: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            wire,
            base_url: None,
            api_key: None,
            model: model.into(),
            headers: BTreeMap::new(),
            max_tokens_field: None,
            connect_timeout: CONNECT_TIMEOUT,
        }
    }
}

/// Opens the service of `options`, with one pool of connections. Connects to nothing yet.
///
/// # Errors
///
/// [`SetupError`] when an option is wrong or the machine cannot speak TLS.
pub fn open(options: ProviderOptions) -> Result<Arc<dyn LanguageModel>, SetupError> {
    let base = base(&options)?;
    let dialect: Box<dyn Dialect> = match options.wire {
        Wire::OpenAi => Box::new(OpenAi {
            max_tokens_field: options.max_tokens_field.unwrap_or_else(|| MaxTokensField::usual(&base)),
        }),
        Wire::OpenAiResponses => Box::new(OpenAiResponses),
        Wire::Anthropic => Box::new(Anthropic),
        Wire::Gemini => Box::new(Gemini),
        Wire::Ollama => Box::new(Ollama),
    };
    let connection = Connection::open(&options, base, &*dialect)?;
    Ok(Arc::new(Remote {
        connection,
        dialect,
        model: options.model,
    }))
}

fn base(options: &ProviderOptions) -> Result<Url, SetupError> {
    let example = options.wire.default_base_url();
    let wrong = |problem: &str| SetupError::BaseUrl {
        provider: options.name.clone(),
        problem: problem.to_owned(),
        example,
    };
    let text = options.base_url.as_deref().unwrap_or(example);
    let url = Url::parse(text).map_err(|error| wrong(&format!("is not an address ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("is neither `http` nor `https`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a user name or a password, which belongs into the API key"));
    }
    Ok(url)
}

impl MaxTokensField {
    fn usual(base: &Url) -> Self {
        match base.host_str() {
            Some("api.openai.com") => Self::Completion,
            _ => Self::Plain,
        }
    }
}

impl Wire {
    /// Every wire format.
    pub const ALL: [Self; 5] = [
        Self::OpenAi,
        Self::OpenAiResponses,
        Self::Anthropic,
        Self::Gemini,
        Self::Ollama,
    ];

    /// The format's name in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::OpenAiResponses => "openai_responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }

    /// The address of the format's own service.
    pub fn default_base_url(self) -> &'static str {
        match self {
            Self::OpenAi | Self::OpenAiResponses => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com",
            Self::Gemini => "https://generativelanguage.googleapis.com",
            Self::Ollama => "http://127.0.0.1:11434",
        }
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that no wire format has.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no wire format `{0}`; write `openai`, `openai_responses`, `anthropic`, `gemini` or `ollama`")]
pub struct UnknownWire(String);

impl FromStr for Wire {
    type Err = UnknownWire;

    fn from_str(name: &str) -> Result<Self, UnknownWire> {
        let mut all = Self::ALL.into_iter();
        all.find(|wire| wire.as_str() == name)
            .ok_or_else(|| UnknownWire(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_of(base_url: &str) -> Option<String> {
        let options = ProviderOptions {
            base_url: Some(base_url.to_owned()),
            ..ProviderOptions::new("far", Wire::OpenAi, "m")
        };
        base(&options).err().map(|error| error.to_string())
    }

    #[test]
    fn every_wire_format_is_found_by_its_name() {
        for wire in Wire::ALL {
            assert_eq!(wire.as_str().parse(), Ok(wire));
        }
        assert!(
            "grpc"
                .parse::<Wire>()
                .is_err_and(|error| error.to_string().contains("`grpc`"))
        );
    }

    #[test]
    fn only_openai_itself_gets_its_new_name_for_the_limit_of_tokens() {
        let usual = |base: &str| Url::parse(base).map(|base| MaxTokensField::usual(&base));
        assert_eq!(usual(Wire::OpenAi.default_base_url()), Ok(MaxTokensField::Completion));
        assert_eq!(usual("http://127.0.0.1:8000/v1"), Ok(MaxTokensField::Plain));
    }

    #[test]
    fn a_password_in_the_address_is_refused_and_not_repeated() {
        let Some(message) = problem_of("https://me:hunter2@host/v1") else {
            panic!("the address holds a password");
        };
        assert!(
            message.contains("password") && !message.contains("hunter2"),
            "{message}"
        );
    }

    #[test]
    fn an_address_of_another_protocol_is_refused() {
        assert!(problem_of("ftp://host").is_some());
        assert!(problem_of("host:80").is_some());
        assert!(problem_of("http://host").is_none());
    }
}
