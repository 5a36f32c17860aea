//! Channels.

use super::{
    CHANNEL, CHANNEL_KIND, CHANNEL_KINDS, GUILD, GUILD_UNSENT, REASON, body, integer, read, results, text, write,
};
use crate::command::{Answer, ArgKind, ArgSpec, CommandSpec, Method, Place, Repeat};

pub(super) const COMMANDS: &[CommandSpec] = &[
    read(
        "channels.list",
        "/guilds/{guild_id}/channels",
        &[GUILD],
        Answer::List(results::CHANNEL),
    ),
    // With `guild_id`, a channel of another server is refused.
    read("channels.get", ONE, &[CHANNEL, GUILD_UNSENT], Answer::Composed).needs("View Channel"),
    write(
        "channels.create",
        (Method::Post, "/guilds/{guild_id}/channels"),
        &[
            GUILD,
            NAME,
            ArgSpec::required("kind", CHANNEL_KIND, Place::CodeOr("type", CHANNEL_KINDS, 0)),
            TOPIC,
            POSITION,
            NSFW,
            CATEGORY,
            REASON,
        ],
        Answer::Object(results::NEW_CHANNEL),
    )
    .repeats(Repeat::Unsafe)
    .needs("Manage Channels"),
    // It looks for the name first, so that a repeat finds what the first time made.
    write(
        "channels.get_or_create",
        (Method::Post, "/guilds/{guild_id}/channels"),
        &[
            GUILD,
            NAME,
            ArgSpec::optional("channel_type", CHANNEL_KIND, Place::CodeOr("type", CHANNEL_KINDS, 0)),
            TOPIC,
            POSITION,
            NSFW,
            CATEGORY,
            REASON,
        ],
        Answer::Composed,
    )
    .needs("Manage Channels"),
    write(
        "channels.edit",
        (Method::Patch, ONE),
        &[
            CHANNEL,
            GUILD_UNSENT,
            body("name", text(1, 100)),
            body("topic", text(0, MAX_TOPIC)),
            NSFW,
            POSITION,
            body("bitrate", integer(8000, 384_000)),
            body("user_limit", integer(0, 10_000)),
            REASON,
        ],
        Answer::Object(results::CHANNEL),
    )
    .needs("Manage Channels"),
    write(
        "channels.delete",
        (Method::Delete, ONE),
        &[CHANNEL, GUILD_UNSENT, REASON],
        Answer::Done("deleted", true, &["id"]),
    )
    .needs("Manage Channels"),
    write(
        "channels.create_invite",
        (Method::Post, "/channels/{channel_id}/invites"),
        &[
            CHANNEL,
            GUILD_UNSENT,
            body("max_age", integer(0, 604_800)),
            body("max_uses", integer(0, 100)),
            body("temporary", ArgKind::Boolean),
            REASON,
        ],
        Answer::Object(results::NEW_INVITE),
    )
    .repeats(Repeat::Unsafe)
    .needs("Create Invite"),
    write(
        "channels.typing",
        (Method::Post, "/channels/{channel_id}/typing"),
        &[CHANNEL, GUILD_UNSENT],
        Answer::Done("typing", true, &["channel_id"]),
    )
    .needs("Send Messages"),
];

const ONE: &str = "/channels/{channel_id}";
/// Of forums; of other channels 1024, which Discord checks.
const MAX_TOPIC: usize = 4096;

const NAME: ArgSpec = ArgSpec::required("name", text(1, 100), Place::Body("name"));
const TOPIC: ArgSpec = body("topic", text(0, MAX_TOPIC));
const POSITION: ArgSpec = body("position", integer(0, 65_535));
const NSFW: ArgSpec = body("nsfw", ArgKind::Boolean);
const CATEGORY: ArgSpec = ArgSpec::optional("category_id", ArgKind::Snowflake, Place::Body("parent_id"));
