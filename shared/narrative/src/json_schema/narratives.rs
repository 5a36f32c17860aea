//! Narratives themselves.

use serde_json::{Value, json};

use super::{
    acts::{asking, named_acts},
    kinds::{IDENTIFIER, MOST, defined, named, number, share, table, text, text_like, truth, whole, words},
};

/// `[narrative]`, `[narrative.NAME]` or `[narratives.NAME]`.
pub(super) fn narrative() -> Value {
    let own = [
        (
            "name",
            words("What the narrative is called. Needed in `[narrative]`; elsewhere it is the table's name."),
        ),
        (
            "narrative",
            words("Only in `[narratives.NAME]`: the file that the narrative stands in; `.toml` may be left out."),
        ),
        (
            "description",
            text("What it is for; also the question that stands before its replies where another narrative plays it."),
        ),
        ("target", text_like("The table that its output belongs to.", IDENTIFIER)),
        (
            "template",
            text_like(
                "A table whose columns describe the output; where there is no `target`, the output belongs to it.",
                IDENTIFIER,
            ),
        ),
        (
            "skip_content_generation",
            truth("Whether its output belongs nowhere, whatever `target` says.", false),
        ),
        ("toc", defined("toc")),
        ("acts", named_acts("Acts of its own; they win over those of the file.")),
        ("carousel", defined("carousel")),
        ("budget", defined("budget")),
        ("spend", defined("spend")),
    ];
    table("A narrative.", &[], own.into_iter().chain(asking()))
}

pub(super) fn toc() -> Value {
    let name = text("The name of an act.");
    let stage = json!({
        "anyOf": [
            name,
            { "type": "array", "description": "Acts that are played side by side.", "minItems": 1, "items": name },
        ],
    });
    let order = json!({
        "type": "array",
        "description": "The acts in their order; a list in it is played side by side.",
        "minItems": 1,
        "items": stage,
    });
    json!({
        "description": "The acts in their order.",
        "anyOf": [
            order,
            table("The acts in their order.", &["order"], [("order", order.clone())]),
        ],
    })
}

pub(super) fn carousel() -> Value {
    table(
        "How often it is repeated.",
        &["iterations"],
        [
            ("iterations", whole("How often, at most.", 1, 1000)),
            (
                "estimated_tokens_per_iteration",
                whole("What one repetition is expected to use, for people.", 1, MOST),
            ),
            (
                "continue_on_error",
                truth("Whether a repetition that fails leaves the others alone.", false),
            ),
            ("budget", defined("budget")),
            (
                "until",
                words("A condition that ends it early, such as `draft.score >= 8`; in an act's carousel only."),
            ),
        ],
    )
}

pub(super) fn budget() -> Value {
    table(
        "The share of the provider's limits that may be used.",
        &[],
        [
            ("rpm_multiplier", share("Of the requests in a minute.")),
            ("tpm_multiplier", share("Of the tokens in a minute.")),
            ("rpd_multiplier", share("Of the requests in a day.")),
        ],
    )
}

pub(super) fn spend() -> Value {
    table(
        "The most that one run may use up.",
        &[],
        [
            ("tokens", whole("Tokens of prompts and answers together.", 1, MOST)),
            ("calls", whole("Calls of models.", 1, MOST)),
            ("usd", number("Money, in dollars.", 0.000_001, 1_000_000.0)),
        ],
    )
}

/// `[config.NAME]`.
pub(super) fn config() -> Value {
    let wanted = ["model", "temperature", "max_tokens"];
    let defaults = asking().into_iter().filter(|(key, _)| wanted.contains(key));
    let defaults = table("What holds where nothing else is written.", &[], defaults);
    let mut config = named(
        "What holds for every act of the file that says nothing else; one table of any name.",
        &defaults,
    );
    config["maxProperties"] = json!(1);
    config
}
