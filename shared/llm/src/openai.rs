//! Any service that speaks the `OpenAI` chat completions protocol: `OpenAI`, Ollama, vLLM, llama.cpp, `OpenRouter`, …

mod answer;
mod rejection;
mod wire;

use std::error::Error;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Response, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use crate::expectation::{Expectation, excerpt};
use crate::{ErrorClass, LanguageModel, LlmError, Reply, ReplyFuture, Request};

/// The name under which this backend appears in logs and errors.
const PROVIDER: &str = "openai";

/// A service that is up accepts a connection at once; the rest of the time belongs to the model.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Answers are a few kilobytes. A larger body is not an answer, and it must not fill the memory.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// Which service to ask.
#[derive(Clone)]
pub struct OpenAiOptions {
    /// The service's address, up to and without `/chat/completions`: `https://api.openai.com/v1` and
    /// `https://api.openai.com` are the same, any other path is taken as it is.
    pub base_url: String,
    /// The service's key. `None` and the empty one send no `Authorization`, which is right for local services.
    pub api_key: Option<SecretString>,
    /// The model of requests that name none.
    pub model: String,
}

/// Why a client cannot be made from its options.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenAiSetupError {
    /// The address is not one of HTTP. Its text is not repeated, because it may hold a password.
    #[error(
        "`base_url` of the language model {problem}; write the service's address such as `https://api.openai.com/v1`"
    )]
    BaseUrl {
        /// What is wrong with it.
        problem: String,
    },
    /// The key cannot be sent.
    #[error("the API key of the language model holds a character that no HTTP header can carry; look for a line break")]
    ApiKey,
    /// The HTTP client cannot start, for example because this machine has no root certificates.
    #[error("the HTTP client for the language model cannot start; check that this machine has root certificates")]
    Client(#[source] reqwest::Error),
}

/// A client of one service, with one connection pool.
pub struct OpenAi {
    client: Client,
    endpoint: Url,
    /// The endpoint for messages, without a query, which may hold a key.
    shown: String,
    api_key: Option<SecretString>,
    model: String,
}

impl OpenAi {
    /// A client for the service of `options`. Connects to nothing yet.
    ///
    /// # Errors
    ///
    /// [`OpenAiSetupError`] when an option is wrong or the machine cannot speak TLS.
    pub fn new(options: OpenAiOptions) -> Result<Self, OpenAiSetupError> {
        let OpenAiOptions {
            base_url,
            api_key,
            model,
        } = options;
        let endpoint = endpoint(&base_url)?;
        let api_key = api_key.filter(|key| !key.expose_secret().is_empty());
        let mut headers = HeaderMap::new();
        if let Some(key) = &api_key {
            let mut bearer = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
                .map_err(|_| OpenAiSetupError::ApiKey)?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        let client = Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirected POST becomes a GET at some services, and the key must not travel to another host.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("botticelli/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(OpenAiSetupError::Client)?;
        let mut shown = endpoint.clone();
        shown.set_query(None);
        Ok(Self {
            client,
            endpoint,
            shown: shown.into(),
            api_key,
            model,
        })
    }

    async fn ask(&self, request: &Request) -> Result<Reply, LlmError> {
        let expected = Expectation::of(request, self)?;
        let model = request.model.as_deref().unwrap_or(&self.model);
        let response = self
            .client
            .post(self.endpoint.clone())
            .json(&wire::body(request, model))
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = self.read(response, model).await?;
        let foreign = Foreign {
            model,
            headers: &headers,
            body: &body,
            key: self.api_key.as_ref(),
        };
        if status.is_success() {
            answer::read(&foreign, &expected)
        } else {
            Err(rejection::classify(status, &foreign))
        }
    }

    async fn read(&self, mut response: Response, model: &str) -> Result<Vec<u8>, LlmError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(&error))? {
            if body.len() + chunk.len() > BODY_LIMIT {
                let detail = format!("the body is longer than {} MiB", BODY_LIMIT >> 20);
                return Err(LlmError::new(ErrorClass::Malformed, PROVIDER, detail).with_model(model));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn unreachable(&self, error: &reqwest::Error) -> LlmError {
        if error.is_connect() {
            let detail = format!(
                "cannot connect to `{}` ({}); check that the service runs there and that `base_url` is right",
                self.shown,
                root_cause(error)
            );
            unavailable(detail)
        } else {
            self.broken(error)
        }
    }

    fn broken(&self, error: &reqwest::Error) -> LlmError {
        unavailable(format!(
            "the connection to `{}` broke before the answer was complete ({})",
            self.shown,
            root_cause(error)
        ))
    }
}

impl LanguageModel for OpenAi {
    fn generate<'a>(&'a self, request: &'a Request) -> ReplyFuture<'a> {
        Box::pin(async move {
            let limit = request.timeouts.total;
            timeout(limit, self.ask(request))
                .await
                .unwrap_or_else(|_| Err(LlmError::timed_out(PROVIDER, limit)))
        })
    }

    fn provider(&self) -> &str {
        PROVIDER
    }
}

/// What came back from the service, before anybody has made sense of it.
struct Foreign<'a> {
    model: &'a str,
    headers: &'a HeaderMap,
    body: &'a [u8],
    key: Option<&'a SecretString>,
}

impl Foreign<'_> {
    /// A part of the answer on one short line, without the key that some services repeat in their complaints.
    fn safe(&self, text: &str) -> String {
        match self.key {
            Some(key) => excerpt(&text.replace(key.expose_secret(), "[key]")),
            None => excerpt(text),
        }
    }

    fn excerpt(&self) -> String {
        self.safe(&String::from_utf8_lossy(self.body))
    }

    fn bad(&self, detail: String) -> LlmError {
        LlmError::new(ErrorClass::Malformed, PROVIDER, detail).with_model(self.model)
    }

    fn declined(&self, detail: String) -> LlmError {
        LlmError::new(ErrorClass::Declined, PROVIDER, detail).with_model(self.model)
    }
}

fn unavailable(detail: String) -> LlmError {
    LlmError::new(ErrorClass::Transport, PROVIDER, detail)
}

/// The innermost cause. The layers above it only say that a request failed, and repeat the address.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn endpoint(base_url: &str) -> Result<Url, OpenAiSetupError> {
    let wrong = |problem: &str| OpenAiSetupError::BaseUrl {
        problem: problem.to_owned(),
    };
    let mut url = Url::parse(base_url).map_err(|error| wrong(&format!("is not an address ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("is neither `http` nor `https`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a user name or a password, which belongs into the API key"));
    }
    let path = match url.path().trim_end_matches('/') {
        "" => "/v1",
        path => path,
    };
    let path = format!("{path}/chat/completions");
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(base_url: &str) -> Result<String, String> {
        endpoint(base_url)
            .map(|url| url.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn only_an_address_without_a_path_gets_the_version() {
        let full = Ok("http://host/v1/chat/completions".to_owned());
        assert_eq!(path_of("http://host"), full);
        assert_eq!(path_of("http://host/"), full);
        assert_eq!(path_of("http://host/v1"), full);
        assert_eq!(path_of("http://host/v1/"), full);
        assert_eq!(
            path_of("http://host/api/v3"),
            Ok("http://host/api/v3/chat/completions".to_owned())
        );
    }

    #[test]
    fn a_password_in_the_address_is_refused_and_not_repeated() {
        let Err(message) = path_of("https://me:hunter2@host/v1") else {
            panic!("the address holds a password");
        };
        assert!(
            message.contains("password") && !message.contains("hunter2"),
            "{message}"
        );
    }

    #[test]
    fn an_address_of_another_protocol_is_refused() {
        assert!(path_of("ftp://host").is_err());
        assert!(path_of("host:80").is_err());
    }
}
