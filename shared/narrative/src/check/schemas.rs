//! JSON schemas, written as TOML.

use std::{ops::Range, sync::Arc};

use serde_json::Value;

use super::page::Page;

/// The schema that a TOML table writes, key by key.
pub(super) fn schema(page: &Page<'_>, place: &Range<usize>, table: &toml::Table) -> Option<Arc<Value>> {
    if table.is_empty() {
        page.error(place, "schema", "the schema is empty; it wants at least a `type`");
        return None;
    }
    let value = object(table)
        .map_err(str::to_owned)
        .and_then(|value| match botticelli_llm::check_schema(&value) {
            Ok(()) => Ok(value),
            Err(problem) => Err(format!("this is no JSON schema: {problem}")),
        });
    match value {
        Ok(value) => Some(Arc::new(value)),
        Err(message) => {
            page.error(place, "schema", message);
            None
        }
    }
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
