//! Acts.

use serde_json::{Value, json};

use super::kinds::{
    MOST, Property, also_called, defined, defined_as, list, named, number, table, text, truth, whole, words,
};
use crate::template::RESERVED;

/// A table of acts.
pub(super) fn named_acts(description: &str) -> Value {
    let mut acts = named(description, &defined("act"));
    acts["propertyNames"] = json!({ "pattern": "^[A-Za-z0-9_-]{1,63}$", "not": { "enum": RESERVED } });
    acts
}

/// The three forms of an act.
pub(super) fn act() -> Value {
    json!({
        "description": "An act: a text or a reference, a list of inputs, or a table.",
        "anyOf": [
            words("A text that a model is asked, or a reference such as `tables.NAME`."),
            list("The inputs of the act, in their order.", &defined("input")),
            defined("act_table"),
        ],
    })
}

pub(super) fn act_table() -> Value {
    let narrative = words(
        "The narrative that the act plays: one of this file by its name, or one of another file as `narrative:FILE`.",
    );
    let own = [
        (
            "input",
            list(
                "What the act asks or brings, in this order. A text among it asks a model.",
                &defined("input"),
            ),
        ),
        ("prompt", words("A text that stands behind the inputs.")),
        ("narrative", narrative.clone()),
        ("narrative_ref", also_called("narrative", &narrative)),
        (
            "when",
            words("A condition without which the act is passed over, such as `kind == 'funny'`."),
        ),
        (
            "carousel",
            defined_as("carousel", "How often the act is repeated; its last reply counts."),
        ),
        (
            "schema",
            json!({
                "description": "The JSON schema of the reply, or a reference as `schemas.NAME`.",
                "anyOf": [
                    { "type": "string", "pattern": "^schemas\\." },
                    { "type": "object", "minProperties": 1 },
                ],
            }),
        ),
        (
            "extract_output",
            json!({
                "type": "boolean",
                "description": "Whether the reply is JSON of any shape; false forbids that for the last act of a narrative with a `target`.",
            }),
        ),
        (
            "examples",
            list(
                "Questions and answers that the model is shown first.",
                &table(
                    "A question and its answer.",
                    &["user", "assistant"],
                    [("user", words("The question.")), ("assistant", words("The answer."))],
                ),
            ),
        ),
        (
            "state_capture",
            json!({
                "type": "object",
                "description": "Parts of the reply that are kept in the state: a key, and a path such as `$.items[0].id`; `$` is the whole reply.",
                "propertyNames": { "pattern": "^[A-Za-z0-9_.-]+$" },
                "additionalProperties": { "type": "string" },
            }),
        ),
        (
            "skip_content_generation",
            truth(
                "Whether the reply is no output, although the act is the last one.",
                false,
            ),
        ),
        (
            "spend",
            defined_as("spend", "The most that the act may use up in one run."),
        ),
    ];
    table("An act.", &[], own.into_iter().chain(asking()))
}

/// How models are asked, in an act or for all acts of a narrative.
pub(super) fn asking() -> [Property; 13] {
    [
        (
            "model",
            words("The model to ask, as its provider or the settings call it."),
        ),
        ("provider", words("The configured provider to ask.")),
        (
            "fallback",
            list(
                "Whom to ask where that fails, one after the other.",
                &words("`MODEL`, `PROVIDER/MODEL`, or `PROVIDER/` for its own model."),
            ),
        ),
        ("system", words("What the system says to the model.")),
        (
            "temperature",
            number("How freely the model chooses its words.", 0.0, 2.0),
        ),
        (
            "top_p",
            number("The share of likely words that the model chooses from.", 0.0, 1.0),
        ),
        ("max_tokens", whole("The most tokens of an answer.", 1, MOST)),
        ("stop", list("Texts at which an answer ends.", &text("Such a text."))),
        (
            "seed",
            whole("The seed of the model's random numbers.", 0, i32::MAX.unsigned_abs()),
        ),
        (
            "timeout",
            words("How long one call may take, such as `30s` or `2m`; at most an hour."),
        ),
        ("history", defined("history")),
        (
            "history_tokens",
            whole(
                "How many tokens of the acts before are shown at most; the newest are.",
                1,
                MOST,
            ),
        ),
        (
            "repairs",
            whole(
                "How often an answer that cannot be used is sent back; 1 unless written.",
                0,
                3,
            ),
        ),
    ]
}

pub(super) fn history() -> Value {
    json!({
        "description": "Which acts before it an act sees.",
        "anyOf": [
            { "type": "string", "enum": ["full", "none"], "description": "All or none of them." },
            { "type": "integer", "minimum": 0, "maximum": MOST, "description": "So many of the last ones." },
            list("These.", &text("The name of an earlier act.")),
        ],
    })
}
