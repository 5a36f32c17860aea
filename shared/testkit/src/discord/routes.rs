//! The endpoints.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use super::room::{Draft, Outcome, author_json};
use super::{DiscordFault, DiscordRequest, Shared, misbehaviour, refusal};
use crate::connections::Scissors;

/// Paging of `GET /channels/{id}/messages`.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    after: Option<u64>,
    before: Option<u64>,
    limit: Option<usize>,
}

pub(super) async fn me(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response {
    record(&shared, &Method::GET, &uri, &headers, Value::Null);
    match author(&shared, &headers) {
        Ok(author) => Json(author_json(&author)).into_response(),
        Err(refusal) => *refusal,
    }
}

pub(super) async fn read_messages(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    Path(channel): Path<String>,
    Query(page): Query<Page>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    record(&shared, &Method::GET, &uri, &headers, Value::Null);
    if let Err(refusal) = author(&shared, &headers).and_then(|_| check_channel(&shared, &channel)) {
        return *refusal;
    }
    let limit = page.limit.unwrap_or(50);
    if !(1..=100).contains(&limit) {
        let message = "int value should be between 1 and 100.";
        return refusal::invalid_form("limit", "NUMBER_TYPE_MAX", message);
    }
    let fault = shared.fault_of("GET", &below_version(&uri));
    misbehaviour::answer(fault, &shared, &scissors, || {
        let messages = shared.room().page(&channel, page.after, page.before, limit);
        Json(
            messages
                .iter()
                .map(|message| message.to_json(false))
                .collect::<Vec<_>>(),
        )
        .into_response()
    })
    .await
}

pub(super) async fn create_message(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    Path(channel): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let fault = shared
        .fault_of("POST", &below_version(&uri))
        .or_else(|| shared.next_fault());
    record(&shared, &Method::POST, &uri, &headers, body.clone());
    let draft = author(&shared, &headers)
        .and_then(|author| check_channel(&shared, &channel).map(|()| author))
        .and_then(|author| draft(channel, author, &body));
    let draft = match draft {
        Ok(draft) => draft,
        Err(refusal) => return *refusal,
    };
    if matches!(fault, Some(DiscordFault::HoldThenCommit)) {
        // In a task of its own, because this future is dropped when the client gives up.
        let publishing = tokio::spawn(async move {
            shared.until_released().await;
            publish(&shared, draft)
        });
        return publishing.await.map_or_else(|_| refusal::server_error(), answer);
    }
    misbehaviour::answer(fault, &shared, &scissors, || answer(publish(&shared, draft))).await
}

/// The path as [`crate::StubDiscord::fail_call`] takes it.
fn below_version(uri: &Uri) -> String {
    uri.path().trim_start_matches("/api/v10/").to_owned()
}

pub(super) fn record(shared: &Shared, method: &Method, uri: &Uri, headers: &HeaderMap, body: Value) {
    let path = uri
        .path_and_query()
        .map_or_else(|| uri.path().to_owned(), ToString::to_string);
    shared.requests.push(DiscordRequest {
        method: method.to_string(),
        path,
        headers: headers.clone(),
        body,
    });
}

/// The bot that asks. Every request needs a token and, for the proxy in front, a user agent of Discord's form.
pub(super) fn author(shared: &Shared, headers: &HeaderMap) -> Result<String, Box<Response>> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    if !text(header::USER_AGENT).starts_with("DiscordBot (") {
        return Err(Box::new(refusal::refused(403, 40333, "internal network error")));
    }
    match text(header::AUTHORIZATION)
        .strip_prefix("Bot ")
        .filter(|token| !token.is_empty())
    {
        Some(token) => Ok(shared.room().author_of(token)),
        None => Err(Box::new(refusal::unauthorized())),
    }
}

pub(super) fn check_channel(shared: &Shared, channel: &str) -> Result<(), Box<Response>> {
    if channel.parse::<u64>().is_err() {
        let message = format!("Value \"{channel}\" is not snowflake.");
        return Err(Box::new(refusal::invalid_form(
            "channel_id",
            "NUMBER_TYPE_COERCE",
            &message,
        )));
    }
    if shared.room().removed_channels.contains(channel) {
        return Err(Box::new(refusal::refused(404, 10003, "Unknown Channel")));
    }
    Ok(())
}

fn draft(channel: String, author: String, body: &Value) -> Result<Draft, Box<Response>> {
    let content = body["content"].as_str().unwrap_or_default();
    if content.trim().is_empty() {
        return Err(Box::new(refusal::refused(400, 50006, "Cannot send an empty message")));
    }
    if content.chars().count() > 2000 {
        let message = "Must be 2000 or fewer in length.";
        return Err(Box::new(refusal::invalid_form(
            "content",
            "BASE_TYPE_MAX_LENGTH",
            message,
        )));
    }
    let nonce = match &body["nonce"] {
        Value::String(nonce) => Some(nonce.clone()),
        Value::Number(nonce) => Some(nonce.to_string()),
        _ => None,
    };
    if nonce.as_ref().is_some_and(|nonce| nonce.chars().count() > 25) {
        let message = "Must be 25 or fewer in length.";
        return Err(Box::new(refusal::invalid_form(
            "nonce",
            "BASE_TYPE_MAX_LENGTH",
            message,
        )));
    }
    Ok(Draft {
        channel,
        author,
        content: content.to_owned(),
        nonce,
        enforce_nonce: body["enforce_nonce"].as_bool().unwrap_or(false),
        allowed_mentions: body["allowed_mentions"].clone(),
    })
}

fn publish(shared: &Shared, draft: Draft) -> Outcome {
    let outcome = shared.room().publish(draft);
    if let Outcome::Created(message) = &outcome {
        shared.published.push(message.clone());
    }
    outcome
}

fn answer(outcome: Outcome) -> Response {
    match outcome {
        Outcome::Created(message) | Outcome::Known(message) => Json(message.to_json(true)).into_response(),
        Outcome::Deleted => refusal::refused(404, 10008, "Unknown Message"),
    }
}
