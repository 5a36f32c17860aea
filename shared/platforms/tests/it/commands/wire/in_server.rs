//! The commands on servers, their members and roles.

use serde_json::{Value, json};

use super::{EVENT, ROLE, Row, USER, row};
use crate::commands::GUILD;

pub(super) fn of_server() -> Vec<Row> {
    let guild = json!({ "guild_id": GUILD });
    let list = |command, rest: &str, answer| {
        row(
            command,
            guild.clone(),
            format!("GET guilds/{GUILD}/{rest}"),
            Value::Null,
            answer,
        )
    };
    vec![
        row(
            "server.get_stats",
            guild.clone(),
            format!("GET guilds/{GUILD}?with_counts=true"),
            Value::Null,
            json!({
                "guild_id": GUILD, "name": "Stub Server", "member_count": 42, "verification_level": "Low",
                "premium_tier": "Tier3", "role_count": 1, "banner_url": null,
                "icon_url": format!("https://cdn.discordapp.com/icons/{GUILD}/389030ec9db118cb5b85a732333b7c98.webp"),
            }),
        ),
        list(
            "emojis.list",
            "emojis",
            json!([{ "id": "41771983429993937", "name": "LUL", "animated": false }]),
        ),
        list(
            "stickers.list",
            "stickers",
            json!([{ "name": "Wave", "format_type": "Lottie" }]),
        ),
        list(
            "invites.list",
            "invites",
            json!([{
                "code": "0vCdhLbwjZZTWZLD", "channel_id": "165176875973476352",
                "inviter": { "id": "115590097100865541", "name": "user-115590097100865541" },
            }]),
        ),
        list(
            "webhooks.list",
            "webhooks",
            json!([{ "id": "752831914402115456", "name": "News", "guild_id": GUILD }]),
        ),
        list(
            "integrations.list",
            "integrations",
            json!([{ "type": "twitch", "account": { "name": "twitchusername" } }]),
        ),
        list(
            "voice_regions.list",
            "regions",
            json!([{ "id": "rotterdam", "optimal": true }]),
        ),
        list(
            "events.list",
            "scheduled-events",
            json!([{ "id": "9", "status": "Scheduled", "kind": "External" }]),
        ),
        row(
            "bans.list",
            json!({ "guild_id": GUILD, "limit": 3 }),
            format!("GET guilds/{GUILD}/bans?limit=3"),
            Value::Null,
            json!([{ "user_id": "53908099506183680", "reason": "mentioning b1nzy" }]),
        ),
    ]
}

pub(super) fn of_events() -> Vec<Row> {
    let event = json!({ "guild_id": GUILD, "event_id": EVENT });
    let one_event = |method: &str| format!("{method} guilds/{GUILD}/scheduled-events/{EVENT}");
    vec![
        row(
            "events.get",
            event.clone(),
            one_event("GET"),
            Value::Null,
            json!({ "id": EVENT, "name": "Vernissage", "start_time": "2027-03-01T18:00:00+00:00", "location": "Uffizi" }),
        ),
        row(
            "events.create",
            json!({
                "guild_id": GUILD, "name": "Talk", "start_time": "2027-04-01T18:00:00Z",
                "end_time": "2027-04-01T19:00:00Z", "location": "Pitti", "description": "On tempera.",
            }),
            format!("POST guilds/{GUILD}/scheduled-events"),
            json!({
                "privacy_level": 2, "entity_type": 3, "name": "Talk", "scheduled_start_time": "2027-04-01T18:00:00Z",
                "scheduled_end_time": "2027-04-01T19:00:00Z", "entity_metadata": { "location": "Pitti" },
                "description": "On tempera.",
            }),
            json!({ "name": "Talk", "location": "Pitti" }),
        ),
        row(
            "events.edit",
            json!({ "guild_id": GUILD, "event_id": EVENT, "location": "Pitti" }),
            one_event("PATCH"),
            json!({ "entity_metadata": { "location": "Pitti" } }),
            json!({ "success": true }),
        ),
        row(
            "events.delete",
            event,
            one_event("DELETE"),
            Value::Null,
            json!({ "success": true }),
        ),
    ]
}

pub(super) fn of_members() -> Vec<Row> {
    let member = json!({ "guild_id": GUILD, "user_id": USER });
    let with = |name: &str, value: Value| {
        let mut args = member.clone();
        args[name] = value;
        args
    };
    let path = format!("guilds/{GUILD}/members/{USER}");
    vec![
        row(
            "members.list",
            json!({ "guild_id": GUILD }),
            format!("GET guilds/{GUILD}/members?limit=100"),
            Value::Null,
            json!([{ "nickname": "Nick", "pending": false }]),
        ),
        row(
            "members.get",
            member.clone(),
            format!("GET {path}"),
            Value::Null,
            json!({ "user_id": USER, "username": format!("user-{USER}") }),
        ),
        row(
            "members.ban",
            with("delete_message_days", json!(2)),
            format!("PUT guilds/{GUILD}/bans/{USER}"),
            json!({ "delete_message_seconds": 172_800 }),
            json!({ "banned": true, "user_id": USER }),
        ),
        row(
            "members.kick",
            member.clone(),
            format!("DELETE {path}"),
            Value::Null,
            json!({ "kicked": true, "guild_id": GUILD, "user_id": USER }),
        ),
        row(
            "members.timeout",
            with("duration_seconds", json!(90)),
            format!("PATCH {path}"),
            json!({ "communication_disabled_until": "2040-01-01T00:01:30Z" }),
            json!({ "timed_out": true, "duration_seconds": 90, "timeout_until": 2_208_988_890_i64 }),
        ),
        row(
            "members.unban",
            member.clone(),
            format!("DELETE guilds/{GUILD}/bans/{USER}"),
            Value::Null,
            json!({ "unbanned": true }),
        ),
        row(
            "members.edit",
            json!({ "guild_id": GUILD, "user_id": USER, "nickname": "Sandro", "mute": true, "deafen": false, "roles": [ROLE] }),
            format!("PATCH {path}"),
            json!({ "nick": "Sandro", "mute": true, "deaf": false, "roles": [ROLE] }),
            json!({ "user_id": USER, "changes": ["nickname=Sandro", "mute=true", "deafen=false", format!("roles=[\"{ROLE}\"]")] }),
        ),
        row(
            "members.remove_timeout",
            member,
            format!("PATCH {path}"),
            json!({ "communication_disabled_until": null }),
            json!({ "timeout_removed": true }),
        ),
    ]
}

pub(super) fn of_roles() -> Vec<Row> {
    let role = json!({ "guild_id": GUILD, "role_id": ROLE });
    let of_member = json!({ "guild_id": GUILD, "user_id": USER, "role_id": ROLE });
    let path = format!("guilds/{GUILD}/roles/{ROLE}");
    let at_member = format!("guilds/{GUILD}/members/{USER}/roles/{ROLE}");
    vec![
        row(
            "roles.list",
            json!({ "guild_id": GUILD }),
            format!("GET guilds/{GUILD}/roles"),
            Value::Null,
            json!([{ "name": "@everyone" }, { "name": "Editors" }]),
        ),
        row(
            "roles.get",
            role.clone(),
            format!("GET {path}"),
            Value::Null,
            json!({ "id": ROLE, "permissions": 66_321_471, "color": 3_447_003 }),
        ),
        row(
            "roles.create",
            json!({ "guild_id": GUILD, "name": "Critics", "color": "#ff8800", "hoist": true, "mentionable": false, "permissions": 1024 }),
            format!("POST guilds/{GUILD}/roles"),
            json!({ "name": "Critics", "color": 0xff_8800, "hoist": true, "mentionable": false, "permissions": "1024" }),
            json!({ "name": "Critics", "permissions": 1024 }),
        ),
        row(
            "roles.assign",
            of_member.clone(),
            format!("PUT {at_member}"),
            Value::Null,
            json!({ "assigned": true, "role_id": ROLE }),
        ),
        row(
            "roles.remove",
            of_member,
            format!("DELETE {at_member}"),
            Value::Null,
            json!({ "removed": true, "role_id": ROLE }),
        ),
        row(
            "roles.edit",
            json!({ "guild_id": GUILD, "role_id": ROLE, "name": "Judges", "color": 255 }),
            format!("PATCH {path}"),
            json!({ "name": "Judges", "color": 255 }),
            json!({ "id": ROLE, "name": "Judges", "color": 255 }),
        ),
        row(
            "roles.delete",
            role,
            format!("DELETE {path}"),
            Value::Null,
            json!({ "deleted": true, "role_id": ROLE }),
        ),
    ]
}
