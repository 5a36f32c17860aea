//! What an answer has to look like.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Fields;
use crate::refusal::Refusal;

/// The JSON schema that `response_format` asks for; `None` is free text. The format's `name`, `description` and `strict` change
/// nothing: every answer is held to its schema.
pub(super) fn schema(fields: &Fields) -> Result<Option<Arc<Value>>, Refusal> {
    let Some(format) = fields.value("response_format") else {
        return Ok(None);
    };
    match format.get("type").and_then(Value::as_str).unwrap_or_default() {
        "text" => Ok(None),
        "json_object" => Ok(Some(json!({"type": "object"}).into())),
        "json_schema" => match format.pointer("/json_schema/schema") {
            Some(schema) if schema.is_object() => Ok(Some(schema.clone().into())),
            _ => Err(Refusal::invalid(
                "response_format.json_schema.schema",
                "`response_format` has no schema; write an object into `json_schema.schema`",
            )),
        },
        other => Err(Refusal::invalid(
            "response_format.type",
            format!(
                "`response_format` is of the type `{other}`; the types are `text`, `json_object` and `json_schema`"
            ),
        )),
    }
}
