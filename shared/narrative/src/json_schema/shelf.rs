//! Tables, commands and media that acts refer to, and the keys that inputs share with them.

use serde_json::{Value, json};

use super::{
    inputs::{history_retention, table_name},
    kinds::{IDENTIFIER, MOST, Property, also_called, list, one_of, table, text_like, truth, whole, words},
};
use crate::table::Format;

/// `[tables.NAME]`.
pub(super) fn table_read() -> Value {
    let own = [
        ("table_name", table_name()),
        ("required", required()),
        ("history_retention", history_retention()),
    ];
    table("A table read.", &["table_name"], own.into_iter().chain(read_keys()))
}

/// What a table read may say beside its table.
pub(super) fn read_keys() -> [Property; 10] {
    let filter = words("Which rows, such as `review_status = 'pending' and rating > 3`. For tables.");
    [
        (
            "columns",
            list(
                "The columns, in this order; all unless written. For tables.",
                &text_like("A column.", IDENTIFIER),
            ),
        ),
        ("where", filter.clone()),
        ("where_clause", also_called("where", &filter)),
        (
            "order_by",
            words("How they are sorted: `COLUMN [asc|desc] [nulls first|last]`, joined by commas. For tables."),
        ),
        (
            "limit",
            whole("How many rows at most; 100 unless written. For tables.", 1, 1000),
        ),
        ("offset", whole("How many rows to skip first. For tables.", 0, MOST)),
        (
            "sample",
            whole("Only so many rows, picked at random. For tables.", 1, 1000),
        ),
        (
            "format",
            one_of(
                "How the rows are written into the prompt; `json` unless written. For tables.",
                &Format::NAMES,
            ),
        ),
        (
            "alias",
            text_like("The name by which texts know the rows. For tables.", IDENTIFIER),
        ),
        (
            "pull_and_delete",
            truth(
                "Whether the rows are taken, so that no other job gets them. For tables.",
                false,
            ),
        ),
    ]
}

/// `[bots.NAME]`: every key that is not listed is an argument.
pub(super) fn bot() -> Value {
    json!({
        "description": "A command of a platform; every other key is an argument of it.",
        "type": "object",
        "required": ["platform", "command"],
        "properties": {
            "platform": words("The platform, such as `discord`."),
            "command": words("The command, such as `messages.send`."),
            "required": truth("Whether its failure fails the act; otherwise the failure is what it answers.", false),
            "cache_duration": cache_duration(),
            "args": { "type": "object", "description": "Arguments, as keys beside `platform` and `command` are." },
        },
    })
}

/// `[media.NAME]`.
pub(super) fn media() -> Value {
    table(
        "A picture, sound, film, document or text, from exactly one of `file`, `url` and `base64`.",
        &[],
        media_keys(),
    )
}

/// Where media come from.
pub(super) fn media_keys() -> [Property; 5] {
    [
        (
            "file",
            words("A file in the directory of the narrative's file, or below the settings' root. For texts and media."),
        ),
        (
            "url",
            words("Where it is fetched from when the act is played. For media."),
        ),
        ("base64", words("The thing itself, in Base64. For media.")),
        (
            "mime",
            text_like(
                "Its type, such as `image/png`. For media.",
                "^[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+$",
            ),
        ),
        ("filename", words("What it is called for the model. For media.")),
    ]
}

/// How long an answer of a command may be used again.
pub(super) fn cache_duration() -> Value {
    whole(
        "For how many seconds an answer may be used again. For commands.",
        0,
        86_400,
    )
}

/// Whether nothing is a failure.
pub(super) fn required() -> Value {
    json!({
        "type": "boolean",
        "description": "Whether the act fails where there is no row (true unless written) or the command fails (false unless written). For tables and commands.",
    })
}
