//! What the stub answers, honest or faulty.

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::LlmRequest;
use crate::connections::Scissors;

/// One answer of [`crate::StubLlm`].
#[derive(Debug, Clone)]
pub enum LlmReply {
    /// A finished completion with this text.
    Text(String),
    /// A finished completion whose text is this JSON.
    Json(Value),
    /// The same from a model that gives its version as its name, `…-2026-01-31`, which is how OpenAI answers.
    Dated(Value),
    /// A completion that hit the token limit after this text (`finish_reason: length`).
    CutShort(String),
    /// A completion in which the model declines (`refusal`).
    Refusal(String),
    /// An error status with the body of `OpenAI`'s errors, and `Retry-After` when seconds are given.
    Status {
        /// The HTTP status.
        status: u16,
        /// `error.code` in the body.
        code: String,
        /// Seconds for `Retry-After`.
        retry_after: Option<u32>,
    },
    /// Status 200 with a body that is not JSON.
    Garbage,
    /// Status 502 with a page, as a proxy in between sends it.
    Html,
    /// The connection is reset where the answer should begin.
    Close,
}

impl LlmReply {
    pub(super) fn into_response(self, request: &LlmRequest, scissors: &Scissors) -> Response {
        match self {
            Self::Text(text) => completion(request, request.model(), &text, "stop"),
            Self::Json(value) => completion(request, request.model(), &value.to_string(), "stop"),
            Self::Dated(value) => {
                let model = format!("{}-2026-01-31", request.model());
                completion(request, &model, &value.to_string(), "stop")
            }
            Self::CutShort(text) => completion(request, request.model(), &text, "length"),
            Self::Refusal(reason) => {
                let message = json!({ "role": "assistant", "content": null, "refusal": reason });
                envelope(request, request.model(), &message, "stop", &reason)
            }
            Self::Status {
                status,
                code,
                retry_after,
            } => error(status, &code, retry_after),
            Self::Garbage => (
                [(header::CONTENT_TYPE, "application/json")],
                "{\"id\": \"chatcmpl-1\", \"choices\": [",
            )
                .into_response(),
            Self::Html => {
                let page = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";
                (StatusCode::BAD_GATEWAY, [(header::CONTENT_TYPE, "text/html")], page).into_response()
            }
            Self::Close => {
                scissors.cut();
                Response::new(Body::empty())
            }
        }
    }
}

fn completion(request: &LlmRequest, model: &str, text: &str, finish_reason: &str) -> Response {
    envelope(
        request,
        model,
        &json!({ "role": "assistant", "content": text, "refusal": null }),
        finish_reason,
        text,
    )
}

fn envelope(request: &LlmRequest, model: &str, message: &Value, finish_reason: &str, text: &str) -> Response {
    // About four characters make a token, as in English.
    let (prompt_tokens, completion_tokens) = (request.prompt().len().div_ceil(4), text.len().div_ceil(4));
    Json(json!({
        "id": "chatcmpl-stub",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": model,
        "choices": [{ "index": 0, "message": message, "finish_reason": finish_reason, "logprobs": null }],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }))
    .into_response()
}

fn error(status: u16, code: &str, retry_after: Option<u32>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({
        "error": { "message": format!("the stub answers {status}"), "type": code, "code": code, "param": null },
    });
    let mut response = (status, Json(body)).into_response();
    if let Some(seconds) = retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
