//! One chat completion, from the bytes of the request to the response.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::completion::{Completion, Ended};
use crate::desk::Desk;
use crate::question::Question;
use crate::refusal::Refusal;
use crate::streaming;

/// The largest body, bytes. Small models read a hundredth of it.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// A client that hangs up meanwhile drops this, and the model's work with it.
pub(crate) async fn complete(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    // A web page may send any other type to an address of its choice without asking first.
    if !is_json(&headers) {
        return Err(Refusal::not_json());
    }
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::too_large(MOST_BYTES),
        _ => Refusal::unreadable("the body broke off"),
    })?;
    let question = Question::read(&body, &desk.options.name, desk.options.timeouts)?;
    let place = desk.place()?;
    if question.is_streamed {
        return streaming::answer(desk, place, question).await;
    }
    let result = desk.options.model.generate(&question.request).await;
    let ended = Ended::of(result, &question.request)?;
    drop(place);
    let stamp = desk.stamp();
    Ok(Json(Completion::of(&desk, &stamp, &ended)).into_response())
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}
