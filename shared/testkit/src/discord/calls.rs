//! Every endpoint but that of new messages: what commands of bots need.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::routes::{author, record};
use super::{Shared, in_channel, misbehaviour, refusal, server};
use crate::connections::Scissors;

/// A request as the endpoints see it.
pub(super) struct Call<'a> {
    pub(super) shared: &'a Shared,
    pub(super) method: &'a str,
    /// The path behind the version, decoded.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Value,
}

impl Call<'_> {
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Checks `limit` of the query, which may be left out.
    pub(super) fn has_limit(&self, least: u64, most: u64) -> bool {
        self.asked("limit")
            .is_none_or(|limit| limit.parse().is_ok_and(|limit| (least..=most).contains(&limit)))
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    /// Checks a text of the body.
    pub(super) fn has_text(&self, name: &str, most: usize) -> bool {
        (1..=most).contains(&self.text(name).chars().count())
    }
}

pub(super) async fn call(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    record(&shared, &method, &uri, &headers, body.clone());
    if let Err(refusal) = author(&shared, &headers) {
        return *refusal;
    }
    let Some(path) = uri.path().strip_prefix("/api/v10/") else {
        return not_found();
    };
    let fault = shared.fault_of(method.as_str(), path);
    let call = Call {
        shared: &shared,
        method: method.as_str(),
        path: path.split('/').map(decoded).collect(),
        query: uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(owned)
            .collect(),
        body,
    };
    misbehaviour::answer(fault, &shared, &scissors, || {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            [_, id, ..] if id.parse::<u64>().is_err() => no_snowflake(id),
            ["guilds", guild, rest @ ..] => in_guild(&call, guild, rest),
            ["channels", channel, rest @ ..] => in_channel::answer(&call, channel, rest),
            _ => not_found(),
        }
    })
    .await
}

fn in_guild(call: &Call<'_>, guild: &str, rest: &[&str]) -> Response {
    let body = &call.body;
    match (call.method, rest) {
        ("GET", []) => found(server::guild(guild, call.asked("with_counts") == Some("true"))),
        ("GET", ["channels"]) => found(call.shared.channels().of(guild).into()),
        ("POST", ["channels"]) if call.has_text("name", 100) => {
            let id = call.shared.room().next_id();
            let kind = body["type"].as_i64().unwrap_or_default();
            let mut channels = call.shared.channels();
            let made = channels.add(guild, &id, call.text("name"), kind);
            let name = made["name"].clone();
            channels.edit(&id, body);
            (StatusCode::CREATED, Json(channels.edit(&id, &json!({ "name": name })))).into_response()
        }
        ("GET", ["threads", "active"]) => {
            found(json!({ "threads": call.shared.channels().threads_of(guild, false), "members": [] }))
        }
        ("GET", ["emojis"]) => found(json!([server::emoji()])),
        ("GET", ["stickers"]) => found(json!([server::sticker()])),
        ("GET", ["invites"]) => found(json!([server::invite("165176875973476352", &Value::Null)])),
        ("GET", ["webhooks"]) => found(json!([server::webhook(guild)])),
        ("GET", ["integrations"]) => found(json!([server::integration()])),
        ("GET", ["regions"]) => found(json!([server::region()])),
        ("GET", ["bans"]) if call.has_limit(1, 1000) => found(json!([server::ban("53908099506183680")])),
        ("DELETE", ["bans", "404"]) => refusal::refused(404, 10026, "Unknown Ban"),
        ("GET", ["members"]) if call.has_limit(1, 1000) => found(json!([server::member("53908099506183680")])),
        (_, ["members", "404", ..]) => refusal::refused(404, 10007, "Unknown Member"),
        ("GET", ["members", user]) => found(server::member(user)),
        ("PATCH", ["members", user]) => found(server::changed(server::member(user), body)),
        ("GET", ["roles"]) => found(json!([server::role(guild, "@everyone"), server::role("7", "Editors")])),
        ("POST", ["roles"]) => found(server::changed(
            server::role(&call.shared.room().next_id(), "new role"),
            body,
        )),
        (_, ["roles", "404"]) => refusal::refused(404, 10011, "Unknown Role"),
        ("GET", ["roles", role]) => found(server::role(role, "Editors")),
        ("PATCH", ["roles", role]) => found(server::changed(server::role(role, "Editors"), body)),
        ("GET", ["scheduled-events"]) => found(json!([server::event("9", guild)])),
        ("POST", ["scheduled-events"]) if is_event(body) => found(server::changed(
            server::event(&call.shared.room().next_id(), guild),
            body,
        )),
        (_, ["scheduled-events", "404"]) => refusal::refused(404, 10070, "Unknown Guild Scheduled Event"),
        ("GET", ["scheduled-events", event]) => found(server::event(event, guild)),
        ("PATCH", ["scheduled-events", event]) => found(server::changed(server::event(event, guild), body)),
        ("DELETE", ["members" | "roles" | "scheduled-events", _])
        | ("PUT" | "DELETE", ["bans", _] | ["members", _, "roles", _]) => empty(),
        ("POST", ["channels" | "scheduled-events"]) | ("GET", ["bans" | "members"]) => invalid(),
        _ => not_found(),
    }
}

/// An event that takes place outside of Discord, with what Discord wants of it.
fn is_event(body: &Value) -> bool {
    let has_times = body["scheduled_start_time"].is_string() && body["scheduled_end_time"].is_string();
    let has_place = body["entity_metadata"]["location"].is_string();
    has_times && has_place && body["privacy_level"] == 2 && body["entity_type"] == 3 && body["name"].is_string()
}

pub(super) fn found(value: Value) -> Response {
    Json(value).into_response()
}

pub(super) fn empty() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// What Discord says to a path or a method that it has not.
pub(super) fn not_found() -> Response {
    refusal::refused(404, 0, "404: Not Found")
}

pub(super) fn invalid() -> Response {
    refusal::invalid_form("body", "BASE_TYPE_REQUIRED", "This field is required or out of range")
}

fn no_snowflake(id: &str) -> Response {
    refusal::invalid_form("id", "NUMBER_TYPE_COERCE", &format!("Value \"{id}\" is not snowflake."))
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (decoded(name), decoded(value))
}

fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, behind @ ..] = rest {
        let digits = behind.first_chunk::<2>().filter(|_| *first == b'%');
        let byte = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
