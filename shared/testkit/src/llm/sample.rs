//! Making up JSON that is valid for a schema.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Map, Value, json};

use super::sentence;

/// A value for `schema`; `counter` makes its sentences differ from all others.
///
/// Of JSON Schema it knows what our prompts use: objects, arrays, strings with lengths, numbers with bounds, `enum`,
/// `const`, the first branch of `anyOf` and `oneOf`, and `$ref` into `$defs`. `pattern` is ignored; the sentences
/// keep to letters and plain punctuation. A number is the greatest one allowed, so a score is a good one.
pub(super) fn of(schema: &Value, counter: &AtomicUsize) -> Value {
    Sampler { root: schema, counter }.sample(schema, 0)
}

struct Sampler<'a> {
    root: &'a Value,
    counter: &'a AtomicUsize,
}

impl Sampler<'_> {
    /// `position` is the index in the array around, so that neighbours take different members of an `enum`.
    fn sample(&self, schema: &Value, position: usize) -> Value {
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(members) = schema["enum"].as_array().filter(|members| !members.is_empty()) {
            return members[position % members.len()].clone();
        }
        if let Some(pointer) = schema["$ref"]
            .as_str()
            .and_then(|reference| reference.strip_prefix('#'))
        {
            return self
                .root
                .pointer(pointer)
                .map_or(Value::Null, |target| self.sample(target, position));
        }
        for choice in ["anyOf", "oneOf", "allOf"] {
            if let Some(first) = schema[choice].get(0) {
                return self.sample(first, position);
            }
        }
        match type_of(schema) {
            "object" => self.object(schema, position),
            "array" => self.array(schema),
            "string" => self.string(schema),
            "integer" | "number" => number(schema),
            "boolean" => Value::Bool(true),
            _ => Value::Null,
        }
    }

    fn object(&self, schema: &Value, position: usize) -> Value {
        let properties = schema["properties"].as_object();
        let members = properties.into_iter().flatten();
        let sampled = members.map(|(name, schema)| (name.clone(), self.sample(schema, position)));
        Value::Object(sampled.collect::<Map<_, _>>())
    }

    fn array(&self, schema: &Value) -> Value {
        let at_least = schema["minItems"].as_u64().unwrap_or(1);
        let at_most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
        let length = at_least.max(1).min(at_most);
        let length = usize::try_from(length).unwrap_or(1);
        (0..length)
            .map(|position| self.sample(&schema["items"], position))
            .collect()
    }

    fn string(&self, schema: &Value) -> Value {
        let limit = schema["maxLength"]
            .as_u64()
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(usize::MAX);
        let at_least = schema["minLength"]
            .as_u64()
            .and_then(|least| usize::try_from(least).ok())
            .unwrap_or(0);
        let mut text = sentence::nth_within(self.next(), limit);
        while text.chars().count() < at_least.min(limit) {
            text.push(' ');
            let room = limit - text.chars().count();
            text.push_str(&sentence::nth_within(self.next(), room));
        }
        Value::String(text)
    }

    fn next(&self) -> usize {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }
}

fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(name) => name,
        // `["string", "null"]`: the first that is not null.
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .unwrap_or("null"),
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    }
}

fn number(schema: &Value) -> Value {
    let bound = ["maximum", "minimum"]
        .iter()
        .find_map(|key| schema.get(*key).filter(|bound| bound.is_number()));
    bound.cloned().unwrap_or_else(|| json!(7))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(schema: &Value) -> Value {
        of(schema, &AtomicUsize::new(0))
    }

    #[test]
    fn an_object_gets_every_property_in_its_type() {
        let made = sample(&json!({
            "type": "object",
            "required": ["title", "score", "tag", "keep", "note"],
            "properties": {
                "title": { "type": "string", "maxLength": 40, "pattern": "^[A-Z].*" },
                "score": { "type": "integer", "minimum": 0, "maximum": 10 },
                "tag": { "enum": ["news", "events"] },
                "keep": { "type": "boolean" },
                "note": { "type": ["string", "null"] },
            },
        }));
        assert!(
            made["title"]
                .as_str()
                .is_some_and(|title| title.chars().count() <= 40 && title.ends_with('.'))
        );
        assert_eq!(made["score"], 10);
        assert_eq!(made["tag"], "news");
        assert_eq!(made["keep"], true);
        assert!(made["note"].is_string());
    }

    #[test]
    fn the_items_of_an_array_go_through_the_members_of_an_enum() {
        let made = sample(&json!({
            "type": "array",
            "minItems": 3,
            "items": { "$ref": "#/$defs/verdict" },
            "$defs": { "verdict": { "type": "object", "properties": { "post": { "enum": [11, 12, 13] } } } },
        }));
        assert_eq!(made, json!([{ "post": 11 }, { "post": 12 }, { "post": 13 }]));
    }

    #[test]
    fn texts_of_one_answer_differ() {
        let made = sample(&json!({ "type": "array", "minItems": 2, "items": { "type": "string" } }));
        assert_ne!(made[0], made[1]);
    }

    #[test]
    fn a_minimal_length_is_met() {
        let made = sample(&json!({ "type": "string", "minLength": 400, "maxLength": 450 }));
        assert!(
            made.as_str()
                .is_some_and(|text| (400..=450).contains(&text.chars().count())),
            "{made}"
        );
    }
}
