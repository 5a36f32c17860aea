//! Threads and forums, whose posts are threads.

use super::{
    ARCHIVE_AFTER, CHANNEL, GUILD, GUILD_UNSENT, REASON, THREAD, USER, body, integer, read, results, text, write,
};
use crate::command::{Answer, ArgKind, ArgSpec, CommandSpec, Fixed, Method, Place, Repeat};
use crate::discord::MAX_CHARS;

pub(super) const COMMANDS: &[CommandSpec] = &[
    write(
        "threads.create",
        (Method::Post, "/channels/{channel_id}/threads"),
        &[
            CHANNEL,
            NAME,
            GUILD_UNSENT,
            ARCHIVE_AFTER,
            // Discord's own default is a private one, and is about to change.
            ArgSpec::optional(
                "type",
                ArgKind::Choice(&["public", "private"]),
                Place::CodeOr("type", KINDS, PUBLIC),
            ),
            body("invitable", ArgKind::Boolean),
            REASON,
        ],
        Answer::Object(results::NEW_THREAD),
    )
    .repeats(Repeat::Unsafe)
    .needs("Create Public Threads"),
    read(
        "threads.list",
        "/guilds/{guild_id}/threads/active",
        // Discord lists the threads of a whole server.
        &[
            GUILD,
            ArgSpec::optional("channel_id", ArgKind::Snowflake, Place::Selects("/parent_id")),
        ],
        Answer::Counted("/threads", "threads", results::THREAD),
    ),
    read(
        "threads.get",
        ONE,
        &[THREAD, GUILD_UNSENT],
        Answer::Object(results::THREAD),
    )
    .needs("View Channel"),
    write(
        "threads.edit",
        (Method::Patch, ONE),
        &[
            THREAD,
            GUILD_UNSENT,
            body("name", text(1, 100)),
            body("archived", ArgKind::Boolean),
            body("locked", ArgKind::Boolean),
            ARCHIVE_AFTER,
            REASON,
        ],
        Answer::Done("success", true, &[]),
    )
    .needs("Manage Threads"),
    write(
        "threads.delete",
        (Method::Delete, ONE),
        &[THREAD, GUILD_UNSENT, REASON],
        Answer::Done("success", true, &[]),
    )
    .needs("Manage Threads"),
    write(
        "threads.join",
        (Method::Put, ME),
        &[THREAD, GUILD_UNSENT],
        Answer::Done("success", true, &[]),
    ),
    write(
        "threads.leave",
        (Method::Delete, ME),
        &[THREAD, GUILD_UNSENT],
        Answer::Done("success", true, &[]),
    ),
    write(
        "threads.add_member",
        (Method::Put, MEMBER),
        &[THREAD, USER, GUILD_UNSENT],
        Answer::Done("success", true, &[]),
    )
    .needs("Send Messages in Threads"),
    write(
        "threads.remove_member",
        (Method::Delete, MEMBER),
        &[THREAD, USER, GUILD_UNSENT],
        Answer::Done("success", true, &[]),
    )
    .needs("Manage Threads"),
    // A post has no nonce, so that one of unknown outcome has to be looked for.
    write(
        "forum.create_post",
        (Method::Post, "/channels/{channel_id}/threads"),
        &[
            CHANNEL,
            NAME,
            ArgSpec::required("content", text(1, MAX_CHARS), Place::Body("message.content")),
            GUILD_UNSENT,
            ARCHIVE_AFTER,
            ArgSpec::optional(
                "applied_tags",
                ArgKind::Snowflakes { min: 1, max: 5 },
                Place::Body("applied_tags"),
            ),
        ],
        Answer::Object(results::NEW_THREAD),
    )
    .fixes(&[("message.allowed_mentions", Fixed::NoMentions)])
    .repeats(Repeat::Unsafe)
    .needs("Send Messages"),
    // Those that are active, from the server's list, and those in the archive.
    read(
        "forum.list_posts",
        "/channels/{channel_id}/threads/archived/public",
        &[
            CHANNEL,
            GUILD_UNSENT,
            ArgSpec::optional("limit", integer(2, 100), Place::QueryOr("limit", 50)),
        ],
        Answer::Composed,
    )
    .needs("Read Message History"),
    read(
        "forum.get_post",
        ONE,
        &[THREAD, GUILD_UNSENT],
        Answer::Object(results::POST),
    )
    .needs("View Channel"),
];

const ONE: &str = "/channels/{thread_id}";
const ME: &str = "/channels/{thread_id}/thread-members/@me";
const MEMBER: &str = "/channels/{thread_id}/thread-members/{user_id}";
const PUBLIC: i64 = 11;
const KINDS: &[(&str, i64)] = &[("public", PUBLIC), ("private", 12)];
const NAME: ArgSpec = ArgSpec::required("name", text(1, 100), Place::Body("name"));
