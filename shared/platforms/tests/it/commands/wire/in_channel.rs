//! The commands on channels, their messages and threads.

use serde_json::{Value, json};

use super::{Row, THREAD, USER, row};
use crate::commands::{CHANNEL, GUILD, new_id};

pub(super) fn of_channels() -> Vec<Row> {
    let channel = json!({ "channel_id": CHANNEL });
    let new = json!({ "guild_id": GUILD, "name": "daily", "topic": "News", "position": 4, "nsfw": true, "category_id": "77" });
    let with = |name: &str, value: &str| {
        let mut args = new.clone();
        args[name] = json!(value);
        args
    };
    let made = |kind: i64| json!({ "name": "daily", "type": kind, "topic": "News", "position": 4, "nsfw": true, "parent_id": "77" });
    vec![
        row(
            "channels.list",
            json!({ "guild_id": GUILD }),
            format!("GET guilds/{GUILD}/channels"),
            Value::Null,
            json!([{ "id": CHANNEL, "name": "general", "type": "Text", "nsfw": false, "parent_id": null }]),
        ),
        row(
            "channels.get",
            json!({ "guild_id": GUILD, "channel_id": CHANNEL }),
            format!("GET channels/{CHANNEL}"),
            Value::Null,
            json!({ "id": CHANNEL, "name": "general", "type": "Text", "rate_limit_per_user": 0, "bitrate": null }),
        ),
        row(
            "channels.create",
            with("kind", "announcement"),
            format!("POST guilds/{GUILD}/channels"),
            made(5),
            json!({ "name": "daily", "kind": "News", "position": 4 }),
        ),
        row(
            "channels.get_or_create",
            with("channel_type", "forum"),
            format!("POST guilds/{GUILD}/channels"),
            made(15),
            json!({ "name": "daily", "kind": "Forum", "existed": false }),
        ),
        row(
            "channels.edit",
            json!({
                "channel_id": CHANNEL, "name": "main", "topic": "", "nsfw": false, "position": 1, "bitrate": 64000,
                "user_limit": 5,
            }),
            format!("PATCH channels/{CHANNEL}"),
            json!({ "name": "main", "topic": "", "nsfw": false, "position": 1, "bitrate": 64000, "user_limit": 5 }),
            json!({ "id": CHANNEL, "name": "main", "type": "Text", "position": 1 }),
        ),
        row(
            "channels.delete",
            json!({ "guild_id": GUILD, "channel_id": CHANNEL, "reason": "old" }),
            format!("DELETE channels/{CHANNEL}"),
            Value::Null,
            json!({ "id": CHANNEL, "deleted": true }),
        ),
        row(
            "channels.create_invite",
            json!({ "channel_id": CHANNEL, "max_age": 60, "max_uses": 1, "temporary": true }),
            format!("POST channels/{CHANNEL}/invites"),
            json!({ "max_age": 60, "max_uses": 1, "temporary": true }),
            json!({ "code": "0vCdhLbwjZZTWZLD", "url": "https://discord.gg/0vCdhLbwjZZTWZLD", "channel_id": CHANNEL, "max_age": 60 }),
        ),
        row(
            "channels.typing",
            channel,
            format!("POST channels/{CHANNEL}/typing"),
            Value::Null,
            json!({ "channel_id": CHANNEL, "typing": true }),
        ),
    ]
}

pub(super) fn of_messages(message: &str) -> Vec<Row> {
    let one = json!({ "channel_id": CHANNEL, "message_id": message });
    let with = |name: &str, value: Value| {
        let mut args = one.clone();
        args[name] = value;
        args
    };
    let path = format!("channels/{CHANNEL}/messages/{message}");
    let nobody = json!({ "parse": [] });
    vec![
        row(
            "messages.get",
            one.clone(),
            format!("GET {path}"),
            Value::Null,
            json!({ "id": message, "content": "Ciao", "pinned": false, "attachments": 0, "author": { "bot": true, "name": "stub-bot" } }),
        ),
        row(
            "messages.list",
            json!({ "channel_id": CHANNEL }),
            format!("GET channels/{CHANNEL}/messages?limit=50"),
            Value::Null,
            json!([{ "id": message, "content": "Ciao", "embeds": 0, "author": { "bot": true } }]),
        ),
        row(
            "messages.send",
            json!({ "guild_id": GUILD, "channel_id": CHANNEL, "content": "Hi @everyone", "tts": true }),
            format!("POST channels/{CHANNEL}/messages"),
            json!({ "allowed_mentions": nobody, "content": "Hi @everyone", "tts": true, "nonce": "n1", "enforce_nonce": true }),
            json!({ "channel_id": CHANNEL, "content": "Hi @everyone" }),
        ),
        row(
            "messages.edit",
            with("content", json!("New @here")),
            format!("PATCH {path}"),
            json!({ "allowed_mentions": nobody, "content": "New @here" }),
            json!({ "id": message, "content": "New @here", "edited_timestamp": "2027-01-01T00:00:00.000000+00:00" }),
        ),
        row(
            "messages.delete",
            one.clone(),
            format!("DELETE {path}"),
            Value::Null,
            json!({ "deleted": true, "message_id": message }),
        ),
        row(
            "messages.clear",
            json!({ "guild_id": GUILD, "channel_id": CHANNEL, "limit": 5 }),
            format!("DELETE {path}"),
            Value::Null,
            json!({ "cleared": 1, "channel_id": CHANNEL }),
        ),
        row(
            "messages.bulk_delete",
            json!({ "channel_id": CHANNEL, "message_ids": [new_id(1), new_id(2)] }),
            format!("POST channels/{CHANNEL}/messages/bulk-delete"),
            json!({ "messages": [new_id(1), new_id(2)] }),
            json!({ "success": true, "deleted_count": 2 }),
        ),
        row(
            "messages.pin",
            one.clone(),
            format!("PUT channels/{CHANNEL}/messages/pins/{message}"),
            Value::Null,
            json!({ "pinned": true, "message_id": message }),
        ),
        row(
            "messages.unpin",
            one.clone(),
            format!("DELETE channels/{CHANNEL}/messages/pins/{message}"),
            Value::Null,
            json!({ "pinned": false, "message_id": message }),
        ),
    ]
}

pub(super) fn of_reactions(message: &str) -> Vec<Row> {
    let one = json!({ "channel_id": CHANNEL, "message_id": message });
    let with_crab = json!({ "channel_id": CHANNEL, "message_id": message, "emoji": "🦀" });
    let path = format!("channels/{CHANNEL}/messages/{message}");
    let crab = format!("{path}/reactions/%F0%9F%A6%80");
    vec![
        row(
            "reactions.add",
            with_crab.clone(),
            format!("PUT {crab}/@me"),
            Value::Null,
            json!({ "added": true, "emoji": "🦀" }),
        ),
        row(
            "reactions.remove",
            json!({ "channel_id": CHANNEL, "message_id": message, "emoji": "<:LUL:41771983429993937>", "user_id": USER }),
            format!("DELETE {path}/reactions/LUL:41771983429993937/{USER}"),
            Value::Null,
            json!({ "removed": true, "emoji": "LUL:41771983429993937" }),
        ),
        row(
            "reactions.list",
            with_crab.clone(),
            format!("GET {crab}?limit=25"),
            Value::Null,
            json!({ "count": 1, "users": [{ "id": "53908099506183680", "bot": false }] }),
        ),
        row(
            "reactions.clear",
            one,
            format!("DELETE {path}/reactions"),
            Value::Null,
            json!({ "success": true }),
        ),
        row(
            "reactions.clear_emoji",
            with_crab.clone(),
            format!("DELETE {crab}"),
            Value::Null,
            json!({ "success": true }),
        ),
    ]
}

pub(super) fn of_threads() -> Vec<Row> {
    let thread = json!({ "thread_id": THREAD });
    let of_member = json!({ "thread_id": THREAD, "user_id": USER });
    let members = format!("channels/{THREAD}/thread-members");
    let done = json!({ "success": true });
    vec![
        row(
            "threads.create",
            json!({ "channel_id": CHANNEL, "name": "Talk", "auto_archive_duration": 60 }),
            format!("POST channels/{CHANNEL}/threads"),
            json!({ "name": "Talk", "auto_archive_duration": 60, "type": 11 }),
            json!({ "name": "Talk", "type": "PublicThread" }),
        ),
        row(
            "threads.list",
            json!({ "guild_id": GUILD }),
            format!("GET guilds/{GUILD}/threads/active"),
            Value::Null,
            json!({ "threads": [], "count": 0 }),
        ),
        row(
            "threads.get",
            thread.clone(),
            format!("GET channels/{THREAD}"),
            Value::Null,
            json!({ "id": THREAD }),
        ),
        row(
            "threads.edit",
            json!({ "thread_id": THREAD, "archived": true, "locked": true, "name": "Old" }),
            format!("PATCH channels/{THREAD}"),
            json!({ "archived": true, "locked": true, "name": "Old" }),
            done.clone(),
        ),
        row(
            "threads.delete",
            thread.clone(),
            format!("DELETE channels/{THREAD}"),
            Value::Null,
            done.clone(),
        ),
        row(
            "threads.join",
            thread.clone(),
            format!("PUT {members}/@me"),
            Value::Null,
            done.clone(),
        ),
        row(
            "threads.leave",
            thread.clone(),
            format!("DELETE {members}/@me"),
            Value::Null,
            done.clone(),
        ),
        row(
            "threads.add_member",
            of_member.clone(),
            format!("PUT {members}/{USER}"),
            Value::Null,
            done.clone(),
        ),
        row(
            "threads.remove_member",
            of_member,
            format!("DELETE {members}/{USER}"),
            Value::Null,
            done,
        ),
        row(
            "forum.create_post",
            json!({ "channel_id": CHANNEL, "name": "Question", "content": "Why, @everyone?", "applied_tags": ["5"] }),
            format!("POST channels/{CHANNEL}/threads"),
            json!({
                "name": "Question", "applied_tags": ["5"],
                "message": { "content": "Why, @everyone?", "allowed_mentions": { "parse": [] } },
            }),
            json!({ "name": "Question", "type": "PublicThread" }),
        ),
        row(
            "forum.list_posts",
            json!({ "channel_id": CHANNEL, "limit": 10 }),
            format!("GET channels/{CHANNEL}/threads/archived/public?limit=10"),
            Value::Null,
            json!({ "posts": [], "count": 0 }),
        ),
        row(
            "forum.get_post",
            thread,
            format!("GET channels/{THREAD}"),
            Value::Null,
            json!({ "id": THREAD, "message_count": 0 }),
        ),
    ]
}
