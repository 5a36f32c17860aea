//! JSON as PostgreSQL stores it.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// JSON of one job at most, as text.
pub(crate) const LARGEST: usize = 256 * 1024;

/// Serializes JSON text as the JSON that it is. What PostgreSQL takes for JSON can be more than a reader bears (`1e400`,
/// deep nesting); such a text stays a text.
pub(crate) fn as_json<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => value.serialize(serializer),
        Err(_) => serializer.serialize_str(text),
    }
}

/// Refuses what cannot be kept with a job; the text follows on what it is.
pub(crate) fn fitting(json: &Value) -> Result<(), String> {
    if holds_nul(json) {
        return Err("holds the character U+0000, which PostgreSQL does not keep".to_owned());
    }
    fits(json.to_string().len())
}

fn holds_nul(json: &Value) -> bool {
    match json {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(holds_nul),
        Value::Object(fields) => fields.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Refuses what is too large.
pub(crate) fn fits(bytes: usize) -> Result<(), String> {
    if bytes > LARGEST {
        return Err(format!(
            "takes {bytes} bytes, more than the limit of {LARGEST} (256 KiB)"
        ));
    }
    Ok(())
}
