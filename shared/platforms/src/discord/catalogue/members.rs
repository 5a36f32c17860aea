//! Members.

use super::{GUILD, REASON, USER, integer, limit, read, results, text, write};
use crate::command::{Answer, ArgKind, ArgSpec, CommandSpec, Fixed, Method, Place};

pub(super) const COMMANDS: &[CommandSpec] = &[
    // Discord's own default is one member. It also wants the bot's privileged intent of members.
    read(
        "members.list",
        "/guilds/{guild_id}/members",
        &[GUILD, limit(1000, 100)],
        Answer::List(results::MEMBER),
    )
    .needs("Server Members Intent"),
    read("members.get", ONE, &[GUILD, USER], Answer::Object(results::MEMBER)),
    write(
        "members.ban",
        (Method::Put, BAN),
        &[
            GUILD,
            USER,
            ArgSpec::optional(
                "delete_message_days",
                integer(0, 7),
                Place::DaysAsSeconds("delete_message_seconds"),
            ),
            REASON,
        ],
        Answer::Done("banned", true, &["user_id"]),
    )
    .needs("Ban Members"),
    write(
        "members.kick",
        (Method::Delete, ONE),
        &[GUILD, USER, REASON],
        Answer::Done("kicked", true, &["guild_id", "user_id"]),
    )
    .needs("Kick Members"),
    write(
        "members.timeout",
        (Method::Patch, ONE),
        &[
            GUILD,
            USER,
            ArgSpec::required(
                "duration_seconds",
                integer(1, MAX_TIMEOUT),
                Place::SecondsAsEnd(TIMEOUT),
            ),
            REASON,
        ],
        Answer::Done(
            "timed_out",
            true,
            &["guild_id", "user_id", "duration_seconds", "timeout_until"],
        ),
    )
    .needs("Timeout Members"),
    write(
        "members.unban",
        (Method::Delete, BAN),
        &[GUILD, USER, REASON],
        Answer::Done("unbanned", true, &["guild_id", "user_id"]),
    )
    .needs("Ban Members"),
    write(
        "members.edit",
        (Method::Patch, ONE),
        &[
            GUILD,
            USER,
            // An empty one takes the nickname away.
            ArgSpec::optional("nickname", text(0, 32), Place::Body("nick")),
            ArgSpec::optional("mute", ArgKind::Boolean, Place::Body("mute")),
            ArgSpec::optional("deafen", ArgKind::Boolean, Place::Body("deaf")),
            ArgSpec::optional("roles", ArgKind::Snowflakes { min: 0, max: 250 }, Place::Body("roles")),
            REASON,
        ],
        Answer::Done("success", true, &["guild_id", "user_id", "changes"]),
    )
    .needs("Manage Nicknames, Mute Members, Deafen Members or Manage Roles"),
    write(
        "members.remove_timeout",
        (Method::Patch, ONE),
        &[GUILD, USER, REASON],
        Answer::Done("timeout_removed", true, &["guild_id", "user_id"]),
    )
    .fixes(&[(TIMEOUT, Fixed::Null)])
    .needs("Timeout Members"),
];

const ONE: &str = "/guilds/{guild_id}/members/{user_id}";
const BAN: &str = "/guilds/{guild_id}/bans/{user_id}";
const TIMEOUT: &str = "communication_disabled_until";
/// 28 days.
const MAX_TIMEOUT: i64 = 2_419_200;
