//! The endpoints below a channel.

use std::collections::HashSet;
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::calls::{Call, empty, found, invalid, not_found};
use super::room::age_of;
use super::routes::check_channel;
use super::{refusal, server};

pub(super) fn answer(call: &Call<'_>, channel: &str, rest: &[&str]) -> Response {
    if let Err(refusal) = check_channel(call.shared, channel) {
        return *refusal;
    }
    match (call.method, rest) {
        ("GET", []) => found(call.shared.channels().get(channel)),
        ("PATCH", []) => found(call.shared.channels().edit(channel, &call.body)),
        ("DELETE", []) => {
            call.shared.room().removed_channels.insert(channel.to_owned());
            found(call.shared.channels().remove(channel))
        }
        ("POST", ["typing"]) => empty(),
        // The object may be empty, and may not be left out.
        ("POST", ["invites"]) if call.body.is_object() => found(server::invite(channel, &call.body)),
        ("POST", ["invites"]) => refusal::refused(400, 50109, "The request body contains invalid JSON."),
        ("POST", ["threads"]) => start_thread(call, channel),
        ("GET", ["threads", "archived", "public"]) if call.has_limit(2, 100) => {
            let mut channels = call.shared.channels();
            let guild = channels.get(channel)["guild_id"].clone();
            let mut threads = channels.threads_of(guild.as_str().unwrap_or_default(), true);
            threads.retain(|thread| thread["parent_id"] == channel);
            found(json!({ "threads": threads, "members": [], "has_more": false }))
        }
        ("PUT" | "DELETE", ["thread-members", who]) if *who == "@me" || who.parse::<u64>().is_ok() => empty(),
        ("POST", ["messages", "bulk-delete"]) => bulk_delete(call),
        ("PUT" | "DELETE", ["messages", "pins", message]) => if_there(call, message, empty),
        ("GET", ["messages", message]) => match call.shared.room().message(message) {
            Some(message) => found(message.to_json(false)),
            None => unknown_message(),
        },
        ("PATCH", ["messages", message]) => edit(call, message),
        ("DELETE", ["messages", message]) => if_there(call, message, || {
            call.shared.room().delete(message);
            empty()
        }),
        (_, ["messages", message, "reactions", rest @ ..]) => if_there(call, message, || reactions(call, rest)),
        _ => not_found(),
    }
}

fn reactions(call: &Call<'_>, rest: &[&str]) -> Response {
    if let Some(emoji) = rest.first().filter(|emoji| !is_emoji(emoji)) {
        return refusal::refused(400, 10014, &format!("Unknown Emoji {emoji}"));
    }
    match (call.method, rest) {
        ("PUT", [_, "@me"]) | ("DELETE", [] | [_]) => empty(),
        ("DELETE", [_, who]) if *who == "@me" || who.parse::<u64>().is_ok() => empty(),
        ("GET", [_]) if call.has_limit(1, 100) => found(json!([server::user("53908099506183680")])),
        _ => not_found(),
    }
}

fn is_emoji(text: &str) -> bool {
    match text.split_once(':') {
        Some((name, id)) => !name.is_empty() && id.parse::<u64>().is_ok(),
        None => !text.is_ascii(),
    }
}

fn start_thread(call: &Call<'_>, channel: &str) -> Response {
    let content = call.body["message"]["content"].as_str().unwrap_or_default();
    let is_post = !call.body["message"].is_null();
    if !call.has_text("name", 100) || (is_post && !(1..=2000).contains(&content.chars().count())) {
        return invalid();
    }
    let id = call.shared.room().next_id();
    let mut channels = call.shared.channels();
    let guild = channels.get(channel)["guild_id"].clone();
    let guild = guild.as_str().unwrap_or_default().to_owned();
    // Without a type it is a private thread; a post of a forum is always public.
    let kind = if is_post {
        11
    } else {
        call.body["type"].as_i64().unwrap_or(12)
    };
    channels.add(&guild, &id, "", kind);
    let thread = channels.edit(
        &id,
        &json!({
            "name": call.text("name"), "parent_id": channel, "message_count": i64::from(is_post),
            "thread_metadata": { "archived": false, "locked": false, "auto_archive_duration": 1440 },
        }),
    );
    (StatusCode::CREATED, Json(thread)).into_response()
}

fn bulk_delete(call: &Call<'_>) -> Response {
    let ids: Vec<&str> = call.body["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let different: HashSet<&str> = ids.iter().copied().collect();
    if !(2..=100).contains(&ids.len()) || different.len() < ids.len() {
        return invalid();
    }
    let mut room = call.shared.room();
    if ids.iter().any(|id| age_of(id) > Duration::from_hours(14 * 24)) {
        return refusal::refused(
            400,
            50034,
            "You can only bulk delete messages that are under 14 days old.",
        );
    }
    for id in ids {
        room.delete(id);
    }
    empty()
}

fn edit(call: &Call<'_>, message: &str) -> Response {
    if !call.has_text("content", 2000) {
        return invalid();
    }
    match call
        .shared
        .room()
        .edit(message, call.text("content"), &call.body["allowed_mentions"])
    {
        Some(message) => {
            let edited = json!({ "edited_timestamp": "2027-01-01T00:00:00.000000+00:00" });
            found(server::changed(message.to_json(false), &edited))
        }
        None => unknown_message(),
    }
}

fn if_there(call: &Call<'_>, message: &str, act: impl FnOnce() -> Response) -> Response {
    // Let go of before acting, which may want the room for itself.
    let is_there = call.shared.room().message(message).is_some();
    if is_there { act() } else { unknown_message() }
}

fn unknown_message() -> Response {
    refusal::refused(404, 10008, "Unknown Message")
}
