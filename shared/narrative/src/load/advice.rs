//! Keys that other tools know and this one refuses, with what to write instead.

use botticelli_toml_document::TomlError;

use super::NarrativeError;

const FILES: &str = "pictures, sounds and files are not sent to models yet; write the text in `content`";
const COMMANDS: &str = "acts do not run platform commands; approved posts are sent by posting jobs";

/// Puts the advice for a known stranger in place of the list of right keys.
pub(super) fn with_advice(error: TomlError) -> NarrativeError {
    match &error {
        TomlError::UnknownKey {
            location, key, table, ..
        } => match advice(table, key) {
            Some(advice) => NarrativeError::Invalid {
                location: location.clone(),
                detail: format!("key `{key}` is not accepted: {advice}"),
            },
            None => error.into(),
        },
        _ => error.into(),
    }
}

fn advice(table: &str, key: &str) -> Option<&'static str> {
    let in_act = table.starts_with("acts.") || table.contains(".acts.");
    let in_input = in_act && table.ends_with(']');
    let advice = match key {
        "where_clause" => "write `where`",
        "pull_and_delete" => "reading never deletes; a post changes its state instead",
        "sample" => "rows come in the order of `order_by`; limit them with `limit`",
        "alias" => "a table is called by its name in `[tables]`",
        "extract_output" if in_act => "give the act a `schema`, and its reply is JSON; without one it is text",
        "carousel" if in_act => "to repeat an act, write it as a narrative with a `carousel` and compose that",
        "carousel" if table == "toc" => "it belongs in `[narrative.carousel]`",
        "config" if table.is_empty() => {
            "write `model`, `temperature` and `max_tokens` in the narrative or the act; the provider is chosen in the settings"
        }
        "narratives" if table.is_empty() => {
            "write the narrative in this file as `[narrative.NAME]` and compose it with `narrative = \"NAME\"`"
        }
        "history_retention" => "it belongs in an act's input that refers to the table",
        "file" | "url" | "base64" | "mime" | "filename" if in_input => FILES,
        "platform" | "command" | "args" | "cache_duration" if in_input => COMMANDS,
        _ => return None,
    };
    Some(advice)
}
