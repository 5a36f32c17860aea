//! JSON schemas, written as TOML.

use std::{ops::Range, sync::Arc};

use botticelli_llm::{SchemaMistake, check_schema};
use botticelli_toml_document::suggestion;
use serde_json::Value;

use super::page::Page;

/// The schema that a TOML table writes, key by key.
pub(super) fn schema(page: &Page<'_>, place: &Range<usize>, table: &toml::Table) -> Option<Arc<Value>> {
    if table.is_empty() {
        page.error(place, "schema", "the schema is empty; it wants at least a `type`");
        return None;
    }
    let value = object(table)
        .map_err(|message| page.error(place, "schema", message))
        .ok()?;
    if let Err(mistakes) = check_schema(&value) {
        for mistake in mistakes {
            say(page, place, &mistake);
        }
        return None;
    }
    let mut is_possible = true;
    look_at(page, place, &value, "", &mut is_possible);
    is_possible.then(|| Arc::new(value))
}

fn say(page: &Page<'_>, place: &Range<usize>, mistake: &SchemaMistake) {
    let SchemaMistake { at, value, detail } = mistake;
    if let (true, Some(name)) = (at.ends_with("/type"), value.as_str()) {
        let help = suggestion(name, TYPES.into_iter());
        let message = format!("this is no JSON schema: at `{at}`, `{name}` is no type");
        return page.refuse(place, "schema", message, help);
    }
    page.error(place, "schema", format!("this is no JSON schema: at `{at}` {detail}"));
}

/// The types of JSON Schema.
const TYPES: [&str; 7] = ["object", "array", "string", "integer", "number", "boolean", "null"];

/// The keywords of JSON Schema 2020-12 (json-schema.org/draft/2020-12: core, applicator, unevaluated, validation, meta-data, format,
/// content), and those of earlier drafts that mean something.
const KEYWORDS: &str = "\
    $anchor $comment $defs $dynamicAnchor $dynamicRef $id $ref $schema $vocabulary additionalItems additionalProperties \
    allOf anyOf const contains contentEncoding contentMediaType contentSchema default definitions dependencies \
    dependentRequired dependentSchemas deprecated description else enum example examples exclusiveMaximum exclusiveMinimum \
    format if items maxContains maxItems maxLength maxProperties maximum minContains minItems minLength minProperties \
    minimum multipleOf not nullable oneOf pattern patternProperties prefixItems properties propertyNames propertyOrdering \
    readOnly required then title type unevaluatedItems unevaluatedProperties uniqueItems writeOnly $recursiveAnchor \
    $recursiveRef id";

/// Keywords whose keys are names of the author's.
const NAMING: [&str; 5] = [
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
];
/// Keywords that hold a schema, or a list of them.
const HOLDING: &str = "\
    additionalItems additionalProperties allOf anyOf contains contentSchema else if items not oneOf prefixItems \
    propertyNames then unevaluatedItems unevaluatedProperties";

fn is_in(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

/// Warns of keywords that mean nothing, and refuses what no answer can satisfy.
fn look_at(page: &Page<'_>, place: &Range<usize>, schema: &Value, at: &str, is_possible: &mut bool) {
    let Some(keywords) = schema.as_object() else {
        for (number, item) in (0..).zip(schema.as_array().into_iter().flatten()) {
            look_at(page, place, item, &format!("{at}/{number}"), is_possible);
        }
        return;
    };
    for (keyword, value) in keywords {
        let inner = format!("{at}/{keyword}");
        if !is_in(KEYWORDS, keyword) && !keyword.starts_with("x-") {
            let message = format!("the schema's keyword `{inner}` means nothing");
            page.warn(place, "schema", message, suggestion(keyword, KEYWORDS.split(' ')));
        } else if is_in(HOLDING, keyword) {
            look_at(page, place, value, &inner, is_possible);
        } else if NAMING.contains(&keyword.as_str()) {
            for (name, schema) in value.as_object().into_iter().flatten() {
                look_at(page, place, schema, &format!("{inner}/{name}"), is_possible);
            }
        }
    }
    let is_closed = keywords.get("additionalProperties") == Some(&Value::Bool(false));
    let is_named = |name: &&str| {
        keywords
            .get("properties")
            .is_some_and(|properties| properties.get(name).is_some())
    };
    if is_closed && !keywords.contains_key("patternProperties") {
        let required = keywords.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str).filter(|name| !is_named(name)) {
            let message = format!(
                "no answer satisfies the schema: `{at}/required` wants `{name}`, which is none of its `properties`"
            );
            let help = "write it among the `properties`, or leave `additionalProperties = false` out";
            page.refuse(place, "schema", message, help);
            *is_possible = false;
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
