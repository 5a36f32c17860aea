//! The channels of servers, and everything of a server that only has to look real.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Where channels are that nobody made or added.
pub(super) const HOME: &str = "1000000000000000001";

/// Kinds whose names are kept as they are: voice, category and stage.
const NAMES_KEPT: &[i64] = &[2, 4, 13];

/// Channels by their id.
#[derive(Debug, Default)]
pub(super) struct Channels(BTreeMap<String, Value>);

impl Channels {
    pub(super) fn add(&mut self, guild: &str, id: &str, name: &str, kind: i64) -> Value {
        let is_kept = NAMES_KEPT.contains(&kind);
        let name = if is_kept {
            name.to_owned()
        } else {
            name.to_lowercase().replace(char::is_whitespace, "-")
        };
        let channel = json!({
            "id": id, "type": kind, "guild_id": guild, "position": self.0.len(), "permission_overwrites": [],
            "name": name, "topic": null, "nsfw": false, "parent_id": null, "rate_limit_per_user": 0,
        });
        self.0.insert(id.to_owned(), channel.clone());
        channel
    }

    pub(super) fn of(&self, guild: &str) -> Vec<Value> {
        self.0
            .values()
            .filter(|channel| channel["guild_id"] == guild && !is_thread(channel))
            .cloned()
            .collect()
    }

    pub(super) fn threads_of(&self, guild: &str, is_archived: bool) -> Vec<Value> {
        let is_one = |channel: &&Value| {
            channel["guild_id"] == guild
                && is_thread(channel)
                && channel["thread_metadata"]["archived"].as_bool().unwrap_or_default() == is_archived
        };
        self.0.values().filter(is_one).cloned().collect()
    }

    /// A channel, which exists if it was not removed.
    pub(super) fn get(&mut self, id: &str) -> Value {
        match self.0.get(id) {
            Some(channel) => channel.clone(),
            None => self.add(HOME, id, "somewhere", 0),
        }
    }

    /// Changes what `changes` names, which of a thread is partly a level deeper.
    pub(super) fn edit(&mut self, id: &str, changes: &Value) -> Value {
        self.get(id);
        let Some(channel) = self.0.get_mut(id) else {
            return Value::Null;
        };
        for (name, value) in changes.as_object().into_iter().flatten() {
            match name.as_str() {
                "archived" | "locked" => channel["thread_metadata"][name] = value.clone(),
                _ => channel[name] = value.clone(),
            }
        }
        channel.clone()
    }

    pub(super) fn remove(&mut self, id: &str) -> Value {
        let channel = self.get(id);
        self.0.remove(id);
        channel
    }
}

fn is_thread(channel: &Value) -> bool {
    (10..=12).contains(&channel["type"].as_i64().unwrap_or_default())
}

pub(super) fn guild(id: &str, with_counts: bool) -> Value {
    let mut guild = json!({
        "id": id, "name": "Stub Server", "icon": "389030ec9db118cb5b85a732333b7c98", "description": "Where tests meet.",
        "banner": null, "owner_id": "80351110224678912", "verification_level": 1, "premium_tier": 3,
        "premium_subscription_count": 33, "features": [], "roles": [role(id, "@everyone")], "emojis": [emoji()],
    });
    if with_counts {
        guild["approximate_member_count"] = json!(42);
        guild["approximate_presence_count"] = json!(7);
    }
    guild
}

pub(super) fn user(id: &str) -> Value {
    json!({ "id": id, "username": format!("user-{id}"), "discriminator": "0", "avatar": null, "global_name": null })
}

pub(super) fn member(id: &str) -> Value {
    json!({
        "user": user(id), "nick": "Nick", "avatar": null, "roles": ["1300000000000000001"], "deaf": false, "mute": false,
        "joined_at": "2015-04-26T06:26:56.936000+00:00", "premium_since": null, "flags": 0, "pending": false,
        "communication_disabled_until": null,
    })
}

pub(super) fn role(id: &str, name: &str) -> Value {
    json!({
        "id": id, "name": name, "color": 3_447_003, "hoist": true, "icon": null, "unicode_emoji": null, "position": 1,
        "permissions": "66321471", "managed": false, "mentionable": false,
    })
}

pub(super) fn event(id: &str, guild: &str) -> Value {
    json!({
        "id": id, "guild_id": guild, "channel_id": null, "name": "Vernissage", "description": "With a talk.",
        "scheduled_start_time": "2027-03-01T18:00:00+00:00", "scheduled_end_time": "2027-03-01T20:00:00+00:00",
        "privacy_level": 2, "status": 1, "entity_type": 3, "entity_id": null,
        "entity_metadata": { "location": "Uffizi" }, "user_count": 3,
    })
}

pub(super) fn invite(channel: &str, asked: &Value) -> Value {
    json!({
        "code": "0vCdhLbwjZZTWZLD", "channel": { "id": channel, "name": "general", "type": 0 },
        "inviter": user("115590097100865541"), "uses": 0, "temporary": asked["temporary"].as_bool().unwrap_or_default(),
        "max_uses": asked["max_uses"].as_i64().unwrap_or_default(), "max_age": asked["max_age"].as_i64().unwrap_or(86_400),
        "created_at": "2027-01-01T00:00:00.000000+00:00",
    })
}

pub(super) fn emoji() -> Value {
    json!({
        "id": "41771983429993937", "name": "LUL", "roles": [], "require_colons": true, "managed": false,
        "animated": false, "available": true,
    })
}

pub(super) fn sticker() -> Value {
    json!({
        "id": "749054660769218631", "name": "Wave", "description": "Hello!", "tags": "wumpus, hello", "type": 2,
        "format_type": 3, "available": true, "guild_id": HOME,
    })
}

pub(super) fn webhook(guild: &str) -> Value {
    json!({ "id": "752831914402115456", "type": 2, "name": "News", "channel_id": "561885260615255432", "guild_id": guild, "avatar": null })
}

pub(super) fn ban(user_id: &str) -> Value {
    json!({ "reason": "mentioning b1nzy", "user": user(user_id) })
}

pub(super) fn integration() -> Value {
    json!({ "id": "33590653072239123", "name": "A Name", "type": "twitch", "enabled": true, "syncing": false, "account": { "id": "1234567", "name": "twitchusername" } })
}

pub(super) fn region() -> Value {
    json!({ "id": "rotterdam", "name": "Rotterdam", "optimal": true, "deprecated": false, "custom": false })
}

/// `base` with what was asked for in its place.
pub(super) fn changed(mut base: Value, asked: &Value) -> Value {
    if let (Value::Object(fields), Value::Object(asked)) = (&mut base, asked) {
        let changes: Map<String, Value> = asked.clone();
        fields.extend(changes);
    }
    base
}
