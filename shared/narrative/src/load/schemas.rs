//! JSON schemas, written as TOML.

use std::{ops::Range, sync::Arc};

use serde_json::Value;

use super::{NarrativeError, Source};

/// The schema that a TOML table writes, key by key.
pub(super) fn schema(
    source: Source<'_>,
    place: &Range<usize>,
    table: &toml::Table,
) -> Result<Arc<Value>, NarrativeError> {
    if table.is_empty() {
        return Err(source.refuse(place, "the schema is empty; it wants at least a `type`"));
    }
    let value = object(table).map_err(|detail| source.refuse(place, detail))?;
    Ok(Arc::new(value))
}

fn object(table: &toml::Table) -> Result<Value, &'static str> {
    let fields = table.iter().map(|(key, value)| Ok((key.clone(), json(value)?)));
    fields.collect::<Result<_, _>>().map(Value::Object)
}

fn json(value: &toml::Value) -> Result<Value, &'static str> {
    match value {
        toml::Value::String(text) => Ok(Value::from(text.as_str())),
        toml::Value::Integer(number) => Ok(Value::from(*number)),
        toml::Value::Float(number) if number.is_finite() => Ok(Value::from(*number)),
        toml::Value::Float(_) => Err("the schema holds a number that JSON cannot write; use a finite one"),
        toml::Value::Boolean(truth) => Ok(Value::from(*truth)),
        toml::Value::Datetime(_) => Err("the schema holds a date, which JSON does not know; write it in quotes"),
        toml::Value::Array(elements) => elements.iter().map(json).collect::<Result<_, _>>().map(Value::Array),
        toml::Value::Table(table) => object(table),
    }
}

/// Follows `path` through a schema as far as the schema says something.
///
/// # Errors
///
/// The first step that no reply can have, and the names that could stand there.
pub(super) fn follow<'a>(schema: &'a Value, path: &'a [String]) -> Result<(), (&'a str, Vec<&'a str>)> {
    let Some((step, rest)) = path.split_first() else {
        return Ok(());
    };
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let Some(property) = properties.get(step) else {
            return Err((step, properties.keys().map(String::as_str).collect()));
        };
        return follow(property, rest);
    }
    if let Some(elements) = schema.get("items") {
        let is_index = step.parse::<usize>().is_ok();
        return if is_index {
            follow(elements, rest)
        } else {
            Err((step, Vec::new()))
        };
    }
    let scalar = schema.get("type").and_then(Value::as_str);
    if matches!(scalar, Some("string" | "integer" | "number" | "boolean" | "null")) {
        return Err((step, Vec::new()));
    }
    Ok(())
}
