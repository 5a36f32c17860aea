//! Roles.

use super::{GUILD, REASON, ROLE, USER, body, integer, read, results, text, write};
use crate::command::{Answer, ArgKind, ArgSpec, CommandSpec, Method, Place, Repeat};

pub(super) const COMMANDS: &[CommandSpec] = &[
    read(
        "roles.list",
        "/guilds/{guild_id}/roles",
        &[GUILD],
        Answer::List(results::ROLE),
    ),
    read("roles.get", ONE, &[GUILD, ROLE], Answer::Object(results::ROLE)),
    write(
        "roles.create",
        (Method::Post, "/guilds/{guild_id}/roles"),
        &[
            GUILD,
            ArgSpec::required("name", text(1, 100), Place::Body("name")),
            COLOR,
            HOIST,
            MENTIONABLE,
            // The sum of Discord's bits. Discord refuses those that the bot itself has not.
            ArgSpec::optional("permissions", integer(0, i64::MAX), Place::TextInBody("permissions")),
            REASON,
        ],
        Answer::Object(results::ROLE),
    )
    .repeats(Repeat::Unsafe)
    .needs("Manage Roles"),
    write(
        "roles.assign",
        (Method::Put, OF_MEMBER),
        &[GUILD, USER, ROLE, REASON],
        Answer::Done("assigned", true, &["guild_id", "user_id", "role_id"]),
    )
    .needs("Manage Roles"),
    write(
        "roles.remove",
        (Method::Delete, OF_MEMBER),
        &[GUILD, USER, ROLE, REASON],
        Answer::Done("removed", true, &["guild_id", "user_id", "role_id"]),
    )
    .needs("Manage Roles"),
    write(
        "roles.edit",
        (Method::Patch, ONE),
        &[
            GUILD,
            ROLE,
            body("name", text(1, 100)),
            COLOR,
            HOIST,
            MENTIONABLE,
            REASON,
        ],
        Answer::Object(results::ROLE),
    )
    .needs("Manage Roles"),
    write(
        "roles.delete",
        (Method::Delete, ONE),
        &[GUILD, ROLE, REASON],
        Answer::Done("deleted", true, &["guild_id", "role_id"]),
    )
    .needs("Manage Roles"),
];

const ONE: &str = "/guilds/{guild_id}/roles/{role_id}";
const OF_MEMBER: &str = "/guilds/{guild_id}/members/{user_id}/roles/{role_id}";
const COLOR: ArgSpec = body("color", ArgKind::Color);
const HOIST: ArgSpec = body("hoist", ArgKind::Boolean);
const MENTIONABLE: ArgSpec = body("mentionable", ArgKind::Boolean);
