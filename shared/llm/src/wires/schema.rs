//! JSON schemas as far as each provider understands them.
//!
//! What is left out here is lost on the way and not in the end: every answer is checked against the whole schema.

use serde_json::{Map, Value};

type Keywords = Map<String, Value>;

/// Keywords that make `OpenAI` refuse a strict schema: the list of its own client (`openai` 6.49.0, `lib/transform.ts`), and
/// `oneOf`, `default`, `minLength` and `maxLength`, which its guide to structured outputs does not list as supported.
const NOT_STRICT: [&str; 31] = [
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$recursiveAnchor",
    "$recursiveRef",
    "allOf",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "else",
    "if",
    "maxContains",
    "maxLength",
    "maxProperties",
    "minContains",
    "minLength",
    "minProperties",
    "not",
    "oneOf",
    "patternProperties",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
];

/// The keywords of Gemini's `responseJsonSchema` (`@google/genai` 2.32.0).
const GEMINI: [&str; 20] = [
    "$id",
    "$defs",
    "$ref",
    "$anchor",
    "type",
    "format",
    "title",
    "description",
    "enum",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "anyOf",
    "oneOf",
    "properties",
    "additionalProperties",
    "required",
];

/// The keywords of Anthropic's `output_config.format` (`@anthropic-ai/sdk` 1.14.0, `lib/transform-json-schema.ts`).
const ANTHROPIC: [&str; 13] = [
    "$defs",
    "$ref",
    "type",
    "enum",
    "const",
    "anyOf",
    "allOf",
    "description",
    "title",
    "properties",
    "additionalProperties",
    "required",
    "items",
];

/// The formats of strings that Anthropic follows, from the same place.
const ANTHROPIC_FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

/// Keywords that hold schemas under names of the author's choice.
const NAMED: [&str; 4] = ["properties", "$defs", "definitions", "patternProperties"];

/// Keywords that hold one schema or several.
const NESTED: [&str; 6] = [
    "items",
    "prefixItems",
    "anyOf",
    "oneOf",
    "allOf",
    "additionalProperties",
];

/// Whether `OpenAI` takes `schema` as a strict one: every object closed and every property required.
pub(super) fn is_strict(schema: &Value) -> bool {
    let is_object = schema.get("type").and_then(Value::as_str) == Some("object");
    is_object && schema.get("anyOf").is_none() && has_strict_parts(schema)
}

fn has_strict_parts(schema: &Value) -> bool {
    let Some(keywords) = schema.as_object() else {
        return false;
    };
    if keywords.keys().any(|keyword| NOT_STRICT.contains(&keyword.as_str())) {
        return false;
    }
    let properties = keywords.get("properties").and_then(Value::as_object);
    let speaks_of = |kind: &str| match keywords.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(several)) => several.iter().any(|one| one == kind),
        _ => false,
    };
    if speaks_of("object") || properties.is_some() {
        let required = keywords.get("required").and_then(Value::as_array);
        let is_required = |name: &String| required.is_some_and(|names| names.iter().any(|one| one == name.as_str()));
        let is_closed = keywords.get("additionalProperties") == Some(&Value::Bool(false));
        if !is_closed || !properties.is_none_or(|properties| properties.keys().all(is_required)) {
            return false;
        }
    }
    if speaks_of("array") && !keywords.contains_key("items") {
        return false;
    }
    let named = NAMED.iter().filter_map(|keyword| keywords.get(*keyword)?.as_object());
    let nested = ["items", "anyOf"].iter().filter_map(|keyword| keywords.get(*keyword));
    named.flat_map(Map::values).all(has_strict_parts)
        && nested.into_iter().all(|schema| match schema {
            Value::Array(several) => several.iter().all(has_strict_parts),
            one => has_strict_parts(one),
        })
}

/// `schema` in the keywords of Gemini. The others are told to the model in the descriptions.
pub(super) fn for_gemini(schema: &Value) -> Value {
    translated(schema, &|keywords, kept| {
        if let Some(only) = keywords.remove("const") {
            kept.insert("enum".to_owned(), Value::Array(vec![only]));
        }
        keep(keywords, kept, &GEMINI);
    })
}

/// `schema` in the keywords of Anthropic, with every object closed. The others are told to the model in the descriptions.
pub(super) fn for_anthropic(schema: &Value) -> Value {
    translated(schema, &|keywords, kept| {
        if let Some(variants) = keywords.remove("oneOf") {
            keywords.insert("anyOf".to_owned(), variants);
        }
        let is = |value: Option<&Value>, known: &[&str]| {
            value.and_then(Value::as_str).is_some_and(|text| known.contains(&text))
        };
        if is(keywords.get("format"), &ANTHROPIC_FORMATS) {
            keep(keywords, kept, &["format"]);
        }
        if keywords
            .get("minItems")
            .and_then(Value::as_u64)
            .is_some_and(|least| least < 2)
        {
            keep(keywords, kept, &["minItems"]);
        }
        if is(keywords.get("type"), &["object"]) {
            keywords.insert("additionalProperties".to_owned(), Value::Bool(false));
        }
        keep(keywords, kept, &ANTHROPIC);
    })
}

fn keep(keywords: &mut Keywords, kept: &mut Keywords, known: &[&str]) {
    for keyword in known {
        if let Some(value) = keywords.shift_remove(*keyword) {
            kept.insert((*keyword).to_owned(), value);
        }
    }
}

/// `schema` with the keywords that `choose` moves from the first map to the second, in it and in every schema within.
fn translated(schema: &Value, choose: &dyn Fn(&mut Keywords, &mut Keywords)) -> Value {
    let Some(keywords) = schema.as_object() else {
        return schema.clone();
    };
    let mut left = keywords.clone();
    let mut kept = Map::new();
    choose(&mut left, &mut kept);
    for (keyword, value) in &mut kept {
        if NAMED.contains(&keyword.as_str()) {
            for inner in value.as_object_mut().into_iter().flat_map(Map::values_mut) {
                *inner = translated(inner, choose);
            }
        } else if NESTED.contains(&keyword.as_str()) {
            *value = match &*value {
                Value::Array(several) => several.iter().map(|one| translated(one, choose)).collect(),
                one => translated(one, choose),
            };
        }
    }
    // They name the dialect or speak to readers, and constrain nothing.
    for keyword in ["$schema", "$comment", "examples"] {
        left.shift_remove(keyword);
    }
    let rules: Vec<String> = left
        .iter()
        .map(|(keyword, value)| format!("{keyword}: {value}"))
        .collect();
    // A reference stands alone.
    if !rules.is_empty() && !kept.contains_key("$ref") {
        let rules = format!("{{{}}}", rules.join(", "));
        let description = match kept.get("description").and_then(Value::as_str) {
            Some(description) => format!("{description}\n\n{rules}"),
            None => rules,
        };
        kept.insert("description".to_owned(), description.into());
    }
    Value::Object(kept)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn post() -> Value {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "title": {"type": "string", "pattern": "^[A-Z]", "description": "A headline."},
                "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1, "maxItems": 2},
            },
            "required": ["title", "tags"],
            "additionalProperties": false,
        })
    }

    #[test]
    fn a_schema_is_strict_when_every_object_is_closed_and_every_property_required() {
        assert!(is_strict(&post()));
        let with = |change: &dyn Fn(&mut Value)| {
            let mut schema = post();
            change(&mut schema);
            is_strict(&schema)
        };
        assert!(!with(&|schema| schema["required"] = json!(["title"])));
        assert!(!with(&|schema| schema["additionalProperties"] = json!(true)));
        assert!(!with(&|schema| schema["properties"]["title"]["maxLength"] = json!(9)));
        assert!(!with(
            &|schema| schema["properties"]["tags"]["items"] = json!({"type": "object"})
        ));
        assert!(!is_strict(&json!({"type": "array", "items": {"type": "string"}})));
        assert!(!is_strict(&json!(true)));
    }

    #[test]
    fn gemini_hears_of_a_pattern_in_the_description() {
        let schema = for_gemini(&post());
        assert_eq!(
            schema["properties"]["title"],
            json!({"type": "string", "description": "A headline.\n\n{pattern: \"^[A-Z]\"}"})
        );
        assert_eq!(schema["properties"]["tags"], post()["properties"]["tags"]);
        assert!(schema.get("$schema").is_none() && schema.get("description").is_none());
        assert_eq!(for_gemini(&json!({"const": "a"})), json!({"enum": ["a"]}));
    }

    #[test]
    fn anthropic_gets_closed_objects_and_few_rules_of_arrays() {
        let open = json!({
            "type": "object",
            "properties": {"when": {"type": "string", "format": "date"}, "x": {"type": "string", "format": "regex"}},
        });
        assert_eq!(
            for_anthropic(&open),
            json!({
                "type": "object",
                "properties": {
                    "when": {"format": "date", "type": "string"},
                    "x": {"type": "string", "description": "{format: \"regex\"}"},
                },
                "additionalProperties": false,
            })
        );
        let tags = &for_anthropic(&post())["properties"]["tags"];
        assert_eq!(
            tags,
            &json!({"minItems": 1, "type": "array", "items": {"enum": ["a", "b"]}, "description": "{maxItems: 2}"})
        );
        let either = json!({"oneOf": [{"type": "string", "minLength": 1}, {"type": "null"}]});
        assert_eq!(
            for_anthropic(&either),
            json!({"anyOf": [{"type": "string", "description": "{minLength: 1}"}, {"type": "null"}]})
        );
    }
}
