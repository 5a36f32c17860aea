//! The HTTP of every provider: the client, the limits of time and of size, and what goes wrong with a connection.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::foreign::Foreign;
use super::frames::Framing;
use crate::wires::Dialect;
use crate::{ErrorClass, LlmError, ProviderOptions, SetupError, Timeouts};

/// Answers are a few kilobytes. A larger body is not an answer, and it must not fill the memory.
pub(super) const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// One service, with its pool of connections.
pub(crate) struct Connection {
    pub(super) provider: String,
    pub(super) base: Url,
    client: Client,
    connect_timeout: Duration,
    /// What no message may repeat.
    secrets: Vec<SecretString>,
}

impl Connection {
    /// A client for `base`. Connects to nothing yet.
    pub(crate) fn open(options: &ProviderOptions, base: Url, dialect: &dyn Dialect) -> Result<Self, SetupError> {
        let provider = || options.name.clone();
        let mut headers = HeaderMap::new();
        for (name, value) in dialect.headers() {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        let key = options.api_key.as_ref().filter(|key| !key.expose_secret().is_empty());
        if let Some(key) = key {
            let (name, value) = dialect.authorization(key.expose_secret());
            let mut value = HeaderValue::from_str(&value).map_err(|_| SetupError::ApiKey { provider: provider() })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        for (name, value) in &options.headers {
            let wrong = || SetupError::Header {
                provider: provider(),
                header: name.clone(),
            };
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        let client = Client::builder()
            .default_headers(headers)
            .connect_timeout(options.connect_timeout)
            // A redirected POST becomes a GET at some services, and the key must not travel to another host.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("botticelli/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|source| SetupError::Client {
                provider: provider(),
                source,
            })?;
        Ok(Self {
            provider: provider(),
            base,
            client,
            connect_timeout: options.connect_timeout,
            secrets: key.into_iter().chain(options.headers.values()).cloned().collect(),
        })
    }

    /// Sends `body`, and waits for the head of the response.
    pub(super) async fn post(&self, endpoint: Url, body: Vec<u8>, timeouts: Timeouts) -> Result<Body<'_>, LlmError> {
        let mut shown = endpoint.clone();
        // It may hold a key.
        shown.set_query(None);
        let request = self
            .client
            .post(endpoint)
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let Timeouts {
            first_byte,
            idle,
            total,
        } = timeouts;
        let sent = if first_byte < total {
            timeout(first_byte, request.send()).await.map_err(|_| {
                let detail = format!("did not begin to answer within {first_byte:?}");
                LlmError::new(ErrorClass::TimedOut, self.provider.as_str(), detail)
            })?
        } else {
            request.send().await
        };
        let response = sent.map_err(|error| self.unreachable(&error, &shown))?;
        Ok(Body {
            status: response.status(),
            headers: response.headers().clone(),
            response,
            shown,
            // The limit of the whole call is kept by the caller.
            idle: Some(idle).filter(|idle| *idle < total),
            connection: self,
        })
    }

    fn unreachable(&self, error: &reqwest::Error, shown: &Url) -> LlmError {
        if !error.is_connect() {
            return self.broken(error, shown);
        }
        let problem = if error.is_timeout() {
            format!("no connection within {:?}", self.connect_timeout)
        } else {
            root_cause(error)
        };
        self.transport(format!(
            "cannot connect to `{shown}` ({problem}); check that the service runs there and that `base_url` is right"
        ))
    }

    fn broken(&self, error: &reqwest::Error, shown: &Url) -> LlmError {
        self.transport(format!(
            "the connection to `{shown}` broke before the answer was complete ({})",
            root_cause(error)
        ))
        .that_may_have_run()
    }

    fn transport(&self, detail: String) -> LlmError {
        LlmError::new(ErrorClass::Transport, self.provider.as_str(), detail)
    }
}

/// A response whose head has come.
pub(super) struct Body<'a> {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    response: Response,
    shown: Url,
    idle: Option<Duration>,
    connection: &'a Connection,
}

impl Body<'_> {
    /// Whether an answer that was to be streamed is. Some services ignore the wish, and a page of HTML is no stream either.
    pub(super) fn is_streamed(&self, framing: Framing) -> bool {
        let kind = self.headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        let is_document = kind.starts_with(b"application/json") && framing != Framing::Lines;
        !is_document && !kind.starts_with(b"text/html")
    }

    /// The next piece.
    pub(super) async fn chunk(&mut self) -> Result<Option<Vec<u8>>, LlmError> {
        let chunk = match self.idle {
            None => self.response.chunk().await,
            Some(idle) => timeout(idle, self.response.chunk()).await.map_err(|_| {
                let detail = format!("stopped in the middle of its answer for {idle:?}");
                LlmError::new(ErrorClass::TimedOut, self.connection.provider.as_str(), detail)
            })?,
        };
        match chunk {
            Ok(chunk) => Ok(chunk.map(Into::into)),
            Err(error) => Err(self.connection.broken(&error, &self.shown)),
        }
    }

    /// The whole body.
    pub(super) async fn whole(&mut self, model: &str) -> Result<Vec<u8>, LlmError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(self.too_long(model));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// As much as can be read of the body of a failure, whose status says what matters.
    pub(super) async fn remains(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = self.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_LIMIT {
                break;
            }
        }
        body
    }

    /// `body` with all that is known about where it came from.
    pub(super) fn foreign<'f>(&'f self, model: &'f str, body: &'f [u8]) -> Foreign<'f> {
        Foreign {
            provider: &self.connection.provider,
            model,
            status: self.status,
            headers: &self.headers,
            body,
            secrets: &self.connection.secrets,
        }
    }

    pub(super) fn too_long(&self, model: &str) -> LlmError {
        let detail = format!("it is longer than {} MiB", BODY_LIMIT >> 20);
        self.foreign(model, &[]).bad(detail)
    }

    pub(super) fn cut_short(&self) -> LlmError {
        self.connection.transport(format!(
            "the stream from `{}` ended before the answer was complete",
            self.shown
        ))
    }
}

/// The innermost cause. The layers above it only say that a request failed, and repeat the address.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
