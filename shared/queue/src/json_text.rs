//! JSON as PostgreSQL stores it.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// Serializes JSON text as the JSON that it is. What PostgreSQL takes for JSON can be more than a reader bears (`1e400`,
/// deep nesting); such a text stays a text.
pub(crate) fn as_json<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => value.serialize(serializer),
        Err(_) => serializer.serialize_str(text),
    }
}
