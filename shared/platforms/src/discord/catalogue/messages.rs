//! Messages and reactions.

use super::{CHANNEL, EMOJI, GUILD_UNSENT, MESSAGE, REASON, integer, limit, read, results, text, write};
use crate::command::{Answer, ArgKind, ArgSpec, CommandSpec, Fixed, Method, Place, Repeat};
use crate::discord::MAX_CHARS;

pub(super) const COMMANDS: &[CommandSpec] = &[
    read(
        "messages.get",
        ONE,
        &[CHANNEL, MESSAGE, GUILD_UNSENT],
        Answer::Object(results::MESSAGE),
    )
    .needs("Read Message History"),
    read(
        "messages.list",
        ALL,
        &[CHANNEL, GUILD_UNSENT, limit(100, 50)],
        Answer::List(results::LISTED_MESSAGE),
    )
    .needs("Read Message History"),
    // A text that is too long for one message becomes several.
    write(
        "messages.send",
        (Method::Post, ALL),
        &[
            CHANNEL,
            ArgSpec::required("content", text(1, MAX_SENT), Place::Body("content")),
            GUILD_UNSENT,
            ArgSpec::optional("tts", ArgKind::Boolean, Place::Body("tts")),
        ],
        Answer::Composed,
    )
    .fixes(NO_MENTIONS)
    .repeats(Repeat::WithNonce)
    .needs("Send Messages"),
    write(
        "messages.edit",
        (Method::Patch, ONE),
        &[
            CHANNEL,
            MESSAGE,
            ArgSpec::required("content", text(1, MAX_CHARS), Place::Body("content")),
            GUILD_UNSENT,
        ],
        Answer::Object(results::EDITED_MESSAGE),
    )
    .fixes(NO_MENTIONS),
    write(
        "messages.delete",
        (Method::Delete, ONE),
        &[CHANNEL, MESSAGE, GUILD_UNSENT, REASON],
        Answer::Done("deleted", true, &["channel_id", "message_id"]),
    )
    .needs("Manage Messages"),
    // The newest messages, so a repeat takes those before them.
    write(
        "messages.clear",
        (Method::Post, "/channels/{channel_id}/messages/bulk-delete"),
        &[
            CHANNEL,
            GUILD_UNSENT,
            ArgSpec::optional("limit", integer(1, 100), Place::Unsent),
            REASON,
        ],
        Answer::Composed,
    )
    .repeats(Repeat::Unsafe)
    .needs("Manage Messages"),
    write(
        "messages.bulk_delete",
        (Method::Post, "/channels/{channel_id}/messages/bulk-delete"),
        &[
            CHANNEL,
            ArgSpec::required(
                "message_ids",
                ArgKind::Snowflakes { min: 2, max: 100 },
                Place::Body("messages"),
            ),
            GUILD_UNSENT,
            REASON,
        ],
        Answer::Composed,
    )
    .needs("Manage Messages"),
    write(
        "messages.pin",
        (Method::Put, PIN),
        &[CHANNEL, MESSAGE, GUILD_UNSENT, REASON],
        Answer::Done("pinned", true, &["channel_id", "message_id"]),
    )
    .needs("Pin Messages"),
    write(
        "messages.unpin",
        (Method::Delete, PIN),
        &[CHANNEL, MESSAGE, GUILD_UNSENT, REASON],
        Answer::Done("pinned", false, &["channel_id", "message_id"]),
    )
    .needs("Pin Messages"),
    write(
        "reactions.add",
        (
            Method::Put,
            "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me",
        ),
        &[CHANNEL, MESSAGE, EMOJI, GUILD_UNSENT],
        Answer::Done("added", true, &["channel_id", "message_id", "emoji"]),
    )
    .needs("Add Reactions"),
    write(
        "reactions.remove",
        (
            Method::Delete,
            "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}/{user_id}",
        ),
        // The bot's own, where nobody is named.
        &[
            CHANNEL,
            MESSAGE,
            EMOJI,
            GUILD_UNSENT,
            ArgSpec::optional("user_id", ArgKind::Snowflake, Place::PathOr("@me")),
        ],
        Answer::Done("removed", true, &["channel_id", "message_id", "emoji"]),
    )
    .needs("Manage Messages"),
    read(
        "reactions.list",
        OF_EMOJI,
        &[CHANNEL, MESSAGE, EMOJI, GUILD_UNSENT, limit(100, 25)],
        Answer::Counted("", "users", results::USER),
    )
    .needs("Read Message History"),
    write(
        "reactions.clear",
        (Method::Delete, "/channels/{channel_id}/messages/{message_id}/reactions"),
        &[CHANNEL, MESSAGE, GUILD_UNSENT],
        Answer::Done("success", true, &[]),
    )
    .needs("Manage Messages"),
    write(
        "reactions.clear_emoji",
        (Method::Delete, OF_EMOJI),
        &[CHANNEL, MESSAGE, EMOJI, GUILD_UNSENT],
        Answer::Done("success", true, &[]),
    )
    .needs("Manage Messages"),
];

const ALL: &str = "/channels/{channel_id}/messages";
const ONE: &str = "/channels/{channel_id}/messages/{message_id}";
const PIN: &str = "/channels/{channel_id}/messages/pins/{message_id}";
const OF_EMOJI: &str = "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}";
/// Twenty messages; a longer text is a mistake rather than a post.
const MAX_SENT: usize = 20 * MAX_CHARS;
/// Left out, it would mean that users, roles and everyone may be pinged, of an edit too.
const NO_MENTIONS: &[(&str, Fixed)] = &[("allowed_mentions", Fixed::NoMentions)];
