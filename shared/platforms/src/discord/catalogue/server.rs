//! The server, its events and its lists.

use super::{EVENT, GUILD, body, limit, read, results, text, write};
use crate::command::{Answer, ArgKind, ArgSpec, CommandSpec, Fixed, Method, Place, Repeat};

pub(super) const COMMANDS: &[CommandSpec] = &[
    // Without the query the answer has no counts.
    read(
        "server.get_stats",
        "/guilds/{guild_id}?with_counts=true",
        &[GUILD],
        Answer::Object(results::GUILD),
    ),
    read(
        "emojis.list",
        "/guilds/{guild_id}/emojis",
        &[GUILD],
        Answer::List(results::EMOJI),
    ),
    read(
        "stickers.list",
        "/guilds/{guild_id}/stickers",
        &[GUILD],
        Answer::List(results::STICKER),
    ),
    read(
        "invites.list",
        "/guilds/{guild_id}/invites",
        &[GUILD],
        Answer::List(results::INVITE),
    )
    .needs("Manage Server"),
    read(
        "webhooks.list",
        "/guilds/{guild_id}/webhooks",
        &[GUILD],
        Answer::List(results::WEBHOOK),
    )
    .needs("Manage Webhooks"),
    read(
        "bans.list",
        "/guilds/{guild_id}/bans",
        &[GUILD, limit(1000, 1000)],
        Answer::List(results::BAN),
    )
    .needs("Ban Members"),
    read(
        "integrations.list",
        "/guilds/{guild_id}/integrations",
        &[GUILD],
        Answer::List(results::INTEGRATION),
    )
    .needs("Manage Server"),
    read(
        "voice_regions.list",
        "/guilds/{guild_id}/regions",
        &[GUILD],
        Answer::List(results::VOICE_REGION),
    ),
    read(
        "events.list",
        "/guilds/{guild_id}/scheduled-events",
        &[GUILD],
        Answer::List(results::EVENT),
    ),
    read("events.get", ONE_EVENT, &[GUILD, EVENT], Answer::Object(results::EVENT)),
    write(
        "events.create",
        (Method::Post, "/guilds/{guild_id}/scheduled-events"),
        // An event at a place, which is what narratives can tell of. Discord wants its end and its place.
        &[
            GUILD,
            ArgSpec::required("name", text(1, 100), Place::Body("name")),
            ArgSpec::required("start_time", ArgKind::Instant, Place::Body("scheduled_start_time")),
            ArgSpec::required("end_time", ArgKind::Instant, Place::Body("scheduled_end_time")),
            ArgSpec::required("location", text(1, 100), Place::Body("entity_metadata.location")),
            body("description", text(1, 1000)),
        ],
        Answer::Object(results::EVENT),
    )
    .fixes(&[
        ("privacy_level", Fixed::Number(GUILD_ONLY)),
        ("entity_type", Fixed::Number(EXTERNAL)),
    ])
    .repeats(Repeat::Unsafe)
    .needs("Create Events"),
    write(
        "events.edit",
        (Method::Patch, ONE_EVENT),
        &[
            GUILD,
            EVENT,
            body("name", text(1, 100)),
            body("description", text(0, 1000)),
            ArgSpec::optional("start_time", ArgKind::Instant, Place::Body("scheduled_start_time")),
            ArgSpec::optional("end_time", ArgKind::Instant, Place::Body("scheduled_end_time")),
            ArgSpec::optional("location", text(1, 100), Place::Body("entity_metadata.location")),
        ],
        Answer::Done("success", true, &[]),
    )
    .needs("Manage Events"),
    write(
        "events.delete",
        (Method::Delete, ONE_EVENT),
        &[GUILD, EVENT],
        Answer::Done("success", true, &[]),
    )
    .needs("Manage Events"),
];

const ONE_EVENT: &str = "/guilds/{guild_id}/scheduled-events/{event_id}";
/// The only level there is.
const GUILD_ONLY: i64 = 2;
const EXTERNAL: i64 = 3;
