//! Parameters of other servers and of larger models. Those that would change the answer are refused, so that nobody takes an
//! answer for one that followed them; all others are let be, for clients send many.

use serde_json::Value;

use super::Fields;
use crate::refusal::Refusal;

/// Whether a parameter of this value asks for nothing. `null` never does.
type AsksForNothing = fn(&Value) -> bool;

const REFUSED: &[(&str, AsksForNothing)] = &[
    ("n", |value| value.as_u64() == Some(1)),
    ("tools", is_empty),
    ("tool_choice", |value| matches!(value.as_str(), Some("none" | "auto"))),
    ("functions", is_empty),
    ("function_call", |value| matches!(value.as_str(), Some("none" | "auto"))),
    ("logprobs", |value| *value == Value::Bool(false)),
    ("top_logprobs", is_zero),
    ("logit_bias", is_empty),
    ("frequency_penalty", is_zero),
    ("presence_penalty", is_zero),
    ("modalities", |value| {
        value
            .as_array()
            .is_some_and(|kinds| kinds.iter().all(|kind| kind == "text"))
    }),
    ("audio", is_empty),
    ("web_search_options", |_| false),
    // Constraints of vLLM and llama.cpp, for which there is `response_format`.
    ("grammar", is_empty),
    ("json_schema", is_empty),
    ("guided_json", is_empty),
    ("guided_regex", is_empty),
    ("guided_choice", is_empty),
    ("guided_grammar", is_empty),
    ("structured_outputs", is_empty),
];

/// # Errors
///
/// The first parameter that asks for what is not done here.
pub(super) fn refuse(fields: &Fields) -> Result<(), Refusal> {
    let refused = REFUSED
        .iter()
        .find(|(name, asks_for_nothing)| fields.value(name).is_some_and(|value| !asks_for_nothing(value)));
    match refused {
        None => Ok(()),
        Some((name @ "n", _)) => Err(Refusal::unsupported(
            *name,
            "`n` is not 1, and this server gives one answer to a request; ask several times",
        )),
        Some((name, _)) => Err(Refusal::unsupported(
            *name,
            format!("`{name}` asks for what this server does not do; leave it out"),
        )),
    }
}

fn is_zero(value: &Value) -> bool {
    value.as_f64() == Some(0.0)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
