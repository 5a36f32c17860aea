//! Errors as `OpenAI` has them.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use botticelli_llm::{ErrorClass, LlmError};
use serde::Serialize;

/// When to ask again while every place is taken, seconds: a small model needs about as long for an answer.
const BUSY_FOR: u64 = 5;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) error: ErrorObject,
    /// Seconds until it is worth another try.
    retry_after: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ErrorObject {
    message: String,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<String>,
    code: Option<&'static str>,
}

/// The object of an error, alone in a body or in an event of a stream.
#[derive(Serialize)]
pub(crate) struct ErrorBody<'a> {
    pub(crate) error: &'a ErrorObject,
}

impl Refusal {
    fn new(status: StatusCode, code: Option<&'static str>, message: impl Into<String>) -> Self {
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        Self {
            status,
            error: ErrorObject {
                message: message.into(),
                kind,
                param: None,
                code,
            },
            retry_after: None,
        }
    }

    fn about(mut self, param: impl Into<String>) -> Self {
        self.error.param = Some(param.into());
        self
    }

    /// The body is no request.
    pub(crate) fn unreadable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, None, message)
    }

    /// The parameter is wrong.
    pub(crate) fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Some("invalid_value"), message).about(param)
    }

    /// The parameter asks for something that is not done here.
    pub(crate) fn unsupported(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Some("unsupported_parameter"), message).about(param)
    }

    pub(crate) fn unknown_model(asked: &str, served: &str) -> Self {
        let message = format!("the model `{asked}` does not exist here; name `{served}`");
        Self::new(StatusCode::NOT_FOUND, Some("model_not_found"), message).about("model")
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("the body has more than {limit} bytes; shorten the conversation");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, Some("request_too_large"), message)
    }

    pub(crate) fn not_json() -> Self {
        let message = "the body is not announced as JSON; send `Content-Type: application/json`";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, None, message)
    }

    pub(crate) fn wrong_key() -> Self {
        let message = "the key is missing or wrong; send the server's key as `Authorization: Bearer KEY`";
        Self::new(StatusCode::UNAUTHORIZED, Some("invalid_api_key"), message)
    }

    pub(crate) fn foreign_host() -> Self {
        let message = "this server has no key and answers only requests to this machine's loopback; ask it as `localhost` or \
                       `127.0.0.1`, or give it a key";
        Self::new(StatusCode::FORBIDDEN, Some("foreign_host"), message)
    }

    pub(crate) fn busy(places: u16) -> Self {
        let message = format!("all {places} places for requests are taken; try again later");
        let mut busy = Self::new(StatusCode::TOO_MANY_REQUESTS, Some("rate_limit_exceeded"), message);
        busy.retry_after = Some(BUSY_FOR);
        busy
    }

    pub(crate) fn nothing_there(path: &str) -> Self {
        let message =
            format!("there is nothing at `{path}`; the paths are `/v1/chat/completions`, `/v1/models` and `/health`");
        Self::new(StatusCode::NOT_FOUND, Some("unknown_url"), message)
    }

    pub(crate) fn wrong_method(path: &str) -> Self {
        let message = format!("`{path}` does not take this method; the `Allow` header says what it takes");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, Some("method_not_allowed"), message)
    }
}

/// Statuses that clients repeat a request after (408, 409, 429, 5xx) stand for what may pass.
impl From<LlmError> for Refusal {
    fn from(error: LlmError) -> Self {
        let (status, code) = match error.class {
            ErrorClass::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded"),
            ErrorClass::QuotaExhausted => (StatusCode::TOO_MANY_REQUESTS, "insufficient_quota"),
            ErrorClass::Invalid => (StatusCode::BAD_REQUEST, "invalid_request"),
            ErrorClass::Unsupported => (StatusCode::BAD_REQUEST, "unsupported"),
            ErrorClass::TooLong => (StatusCode::BAD_REQUEST, "context_length_exceeded"),
            ErrorClass::Declined => (StatusCode::BAD_REQUEST, "content_filter"),
            ErrorClass::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "timed_out"),
            ErrorClass::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            // The key that is wrong is this server's own, and no client can help that.
            ErrorClass::Unauthorized => (StatusCode::BAD_GATEWAY, "upstream_unauthorized"),
            ErrorClass::Malformed => (StatusCode::BAD_GATEWAY, "malformed_answer"),
            _ => (StatusCode::BAD_GATEWAY, "upstream_failed"),
        };
        let mut refusal = Self::new(status, Some(code), error.to_string());
        if error.class == ErrorClass::TooLong {
            refusal = refusal.about("messages");
        }
        // A part of a second is rounded up: earlier would be too early.
        let seconds = |wait: std::time::Duration| wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        refusal.retry_after = error.retry_after.map(seconds);
        refusal
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = ErrorBody { error: &self.error };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
