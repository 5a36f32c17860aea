//! The conversation as the model was trained to see it, in ChatML.

use serde_json::Value;

use super::vocabulary::Vocabulary;
use crate::Request;

/// What stands in for a missing system instruction; the model has never seen a conversation without one.
const DEFAULT_SYSTEM: &str = "You are a helpful AI assistant.";

/// The tokens of the conversation, up to where the model's answer begins.
pub(super) fn prompt(request: &Request, vocabulary: &Vocabulary) -> Result<Vec<u32>, tokenizers::Error> {
    let mut tokens = Vec::new();
    let mut turn = |role: &str, content: Option<&str>| {
        tokens.push(vocabulary.turn_start);
        match content {
            Some(content) => {
                tokens.extend(vocabulary.encode(&format!("{role}\n{content}"))?);
                tokens.push(vocabulary.turn_end);
                tokens.extend(vocabulary.encode("\n")?);
            }
            None => tokens.extend(vocabulary.encode(&format!("{role}\n"))?),
        }
        Ok::<(), tokenizers::Error>(())
    };
    let system = request.system.as_deref().unwrap_or(DEFAULT_SYSTEM);
    match &request.schema {
        Some(schema) => turn("system", Some(&format!("{system}\n{}", announcement(schema))))?,
        None => turn("system", Some(system))?,
    }
    for message in &request.messages {
        turn(message.role.as_str(), Some(&message.text()))?;
    }
    turn("assistant", None)?;
    Ok(tokens)
}

/// The grammar makes the model write JSON. That it expects to write it, and under which names, makes it write sense.
fn announcement(schema: &Value) -> String {
    let names: Vec<String> = schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|properties| properties.keys().map(|name| format!("`{name}`")).collect())
        .unwrap_or_default();
    match names.as_slice() {
        [] => "Reply with JSON.".to_owned(),
        [only] => format!("Reply with one JSON object with the key {only}."),
        [first @ .., last] => format!(
            "Reply with one JSON object with the keys {} and {last}.",
            first.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_keys_are_announced_in_the_order_of_the_schema() {
        let keys = |properties: Value| announcement(&json!({"properties": properties}));
        assert!(keys(json!({"title": {}, "body": {}, "tags": {}})).ends_with("the keys `title`, `body` and `tags`."));
        assert!(keys(json!({"text": {}})).ends_with("the key `text`."));
        assert_eq!(announcement(&json!({"type": "array"})), "Reply with JSON.");
    }
}
