//! Inputs of acts.

use serde_json::{Value, json};

use super::{
    kinds::{also_called, defined, one_of, table, text, text_like, words},
    shelf::{cache_duration, media_keys, read_keys, required},
};

/// The two forms of an input.
pub(super) fn input() -> Value {
    json!({
        "description": "An input: a text or a reference, or a table.",
        "anyOf": [
            words("A text, or a reference as `tables.NAME`, `bots.NAME`, `media.NAME`, `narratives.NAME` or `narrative:FILE`."),
            defined("input_table"),
        ],
    })
}

pub(super) fn input_table() -> Value {
    let content = words("The text. For texts.");
    let own = [
        (
            "type",
            one_of(
                "What it is; may be left out where the other keys say it.",
                &["text", "table", "bot_command", "image", "audio", "video", "document"],
            ),
        ),
        (
            "ref",
            text_like(
                "What it refers to: `tables.NAME`, `bots.NAME`, `media.NAME`, `narratives.NAME` or `narrative:FILE`.",
                "^(tables\\.|bots\\.|media\\.|narratives\\.|narrative:)",
            ),
        ),
        ("history_retention", history_retention()),
        ("content", content.clone()),
        ("text", also_called("content", &content)),
        ("platform", words("The platform. For commands.")),
        ("command", words("The command. For commands.")),
        (
            "args",
            json!({ "type": "object", "description": "The arguments of the command. For commands." }),
        ),
        ("cache_duration", cache_duration()),
        ("required", required()),
        ("table_name", table_name()),
    ];
    table("An input.", &[], own.into_iter().chain(media_keys()).chain(read_keys()))
}

/// What later acts see of an input.
pub(super) fn history_retention() -> Value {
    one_of(
        "What later acts see of it: all, a line that says what it was, or nothing; `full` unless written.",
        &["full", "summary", "drop"],
    )
}

pub(super) fn table_name() -> Value {
    text("The table or view to read, as `NAME` or `SCHEMA.NAME`. For tables.")
}
