//! Schemas of single values and of tables.

use serde_json::{Map, Value, json};

/// A name for a column, or a table of the narratives.
pub(super) const IDENTIFIER: &str = "^[a-z_][a-z0-9_]{0,62}$";

/// The most that a whole number without a limit of its own may be.
pub(super) const MOST: u32 = u32::MAX;

/// A key with the schema of its value.
pub(super) type Property = (&'static str, Value);

/// What `$defs` has under this name.
pub(super) fn defined(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// The same with a description of its own.
pub(super) fn defined_as(name: &str, description: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}"), "description": description })
}

pub(super) fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

/// A text that says something.
pub(super) fn words(description: &str) -> Value {
    json!({ "type": "string", "description": description, "pattern": "\\S" })
}

pub(super) fn text_like(description: &str, pattern: &str) -> Value {
    json!({ "type": "string", "description": description, "pattern": pattern })
}

/// One of a few texts.
pub(super) fn one_of(description: &str, values: &[&str]) -> Value {
    json!({ "type": "string", "description": description, "enum": values })
}

pub(super) fn truth(description: &str, default: bool) -> Value {
    json!({ "type": "boolean", "description": description, "default": default })
}

pub(super) fn whole(description: &str, least: u32, most: u32) -> Value {
    json!({ "type": "integer", "description": description, "minimum": least, "maximum": most })
}

pub(super) fn number(description: &str, least: f64, most: f64) -> Value {
    json!({ "type": "number", "description": description, "minimum": least, "maximum": most })
}

/// A share, over 0 and at most 1.
pub(super) fn share(description: &str) -> Value {
    json!({ "type": "number", "description": description, "exclusiveMinimum": 0, "maximum": 1, "default": 1.0 })
}

pub(super) fn list(description: &str, elements: &Value) -> Value {
    json!({ "type": "array", "description": description, "items": elements })
}

/// Another name for a key, which other tools write.
pub(super) fn also_called(name: &str, schema: &Value) -> Value {
    let mut schema = schema.clone();
    schema["description"] = json!(format!("The same as `{name}`."));
    schema["deprecated"] = json!(true);
    schema
}

/// A table of these keys and no others.
pub(super) fn table(description: &str, required: &[&str], properties: impl IntoIterator<Item = Property>) -> Value {
    let properties: Map<String, Value> = properties
        .into_iter()
        .map(|(key, schema)| (key.to_owned(), schema))
        .collect();
    let mut schema = json!({ "description": description, "type": "object" });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema["additionalProperties"] = json!(false);
    schema["properties"] = Value::Object(properties);
    schema
}

/// A table whose keys are names that the author chose.
pub(super) fn named(description: &str, values: &Value) -> Value {
    json!({ "description": description, "type": "object", "additionalProperties": values })
}
