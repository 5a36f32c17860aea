//! Replies that nobody gave, in the shape that is asked for.

use serde_json::{Map, Value, json};

/// How deep a schema may refer to itself before nothing is made of it.
const DEEPEST: usize = 24;

/// A small value for `schema`: its required properties, and what `parts` lead to, as steps from the whole.
///
/// Of JSON Schema it knows types, `const`, `enum`, `required`, lengths, bounds, the first of `anyOf` and `oneOf`, all of `allOf`
/// and `$ref` into the schema itself. Patterns are not kept.
pub(super) fn of_schema(schema: &Value, parts: &[&[String]]) -> Value {
    Maker { root: schema }.make(schema, "text", parts, 0)
}

/// An object that has what `parts` lead to, as texts that say which part they stand for.
pub(super) fn of_parts(parts: &[&[String]]) -> Value {
    let mut whole = Value::Object(Map::new());
    for steps in parts {
        fill(&mut whole, steps, &steps.join("."));
    }
    whole
}

fn fill(value: &mut Value, steps: &[String], name: &str) {
    let Some((step, rest)) = steps.split_first() else {
        return;
    };
    let is_leaf = rest.is_empty();
    let leaf = || Value::from(format!("({name})"));
    if let (Ok(index), false) = (
        step.parse::<usize>(),
        matches!(value, Value::Object(fields) if !fields.is_empty()),
    ) {
        if !value.is_array() {
            *value = Value::Array(Vec::new());
        }
        // A part such as `[9]` wants ten elements, and nobody writes a much larger one.
        if let Value::Array(items) = value
            && index < 100
        {
            while items.len() <= index {
                items.push(leaf());
            }
            if !is_leaf {
                fill(&mut items[index], rest, name);
            }
        }
        return;
    }
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    if let Value::Object(fields) = value {
        let field = fields.entry(step.clone()).or_insert_with(leaf);
        if !is_leaf {
            fill(field, rest, name);
        }
    }
}

struct Maker<'a> {
    root: &'a Value,
}

impl Maker<'_> {
    /// `name` is the property that the value stands in.
    fn make(&self, schema: &Value, name: &str, parts: &[&[String]], depth: usize) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        let deeper = |schema: &Value| self.make(schema, name, parts, depth + 1);
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        if let Some(target) = schema["$ref"]
            .as_str()
            .and_then(|reference| reference.strip_prefix('#'))
        {
            return self.root.pointer(target).map_or(Value::Null, deeper);
        }
        if let Some(first) = schema["anyOf"].get(0).or_else(|| schema["oneOf"].get(0)) {
            return deeper(first);
        }
        if let Some(all) = schema["allOf"].as_array().filter(|all| !all.is_empty()) {
            let made = all.iter().map(deeper);
            return made.reduce(merged).unwrap_or(Value::Null);
        }
        match type_of(schema) {
            "object" => self.object(schema, parts, depth),
            "array" => self.array(schema, name, parts, depth),
            "string" => Value::from(text(schema, name)),
            "integer" | "number" => number(schema),
            "boolean" => Value::Bool(false),
            _ => Value::Null,
        }
    }

    fn object(&self, schema: &Value, parts: &[&[String]], depth: usize) -> Value {
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        let is_wanted = |name: &str| {
            required.iter().any(|required| required == name)
                || parts.iter().any(|steps| steps.first().is_some_and(|step| step == name))
        };
        let mut object = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if is_wanted(name) {
                let inner: Vec<&[String]> = behind(parts, |step| step == name);
                object.insert(name.clone(), self.make(property, name, &inner, depth + 1));
            }
        }
        for name in required.iter().filter_map(Value::as_str) {
            object.entry(name).or_insert_with(|| Value::from(format!("({name})")));
        }
        Value::Object(object)
    }

    fn array(&self, schema: &Value, name: &str, parts: &[&[String]], depth: usize) -> Value {
        let asked = parts.iter().filter_map(|steps| steps.first()?.parse::<usize>().ok());
        let asked = asked.max().map_or(0, |index| index + 1);
        let at_least = schema["minItems"].as_u64().unwrap_or(0);
        let length = usize::try_from(at_least).unwrap_or(0).max(asked).min(100);
        let inner: Vec<&[String]> = behind(parts, |step| step.parse::<usize>().is_ok());
        (0..length)
            .map(|_| self.make(&schema["items"], name, &inner, depth + 1))
            .collect()
    }
}

/// What is behind the first step of those parts whose first step is meant.
fn behind<'p>(parts: &[&'p [String]], is_meant: impl Fn(&str) -> bool) -> Vec<&'p [String]> {
    let split = parts.iter().filter_map(|steps| steps.split_first());
    split.filter(|(step, _)| is_meant(step)).map(|(_, rest)| rest).collect()
}

fn merged(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut one), Value::Object(other)) => {
            one.extend(other);
            Value::Object(one)
        }
        (one, _) => one,
    }
}

fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(name) => name,
        Value::Array(names) => names.iter().find_map(Value::as_str).unwrap_or("null"),
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    }
}

fn text(schema: &Value, name: &str) -> String {
    let limit = |key: &str| schema[key].as_u64().and_then(|limit| usize::try_from(limit).ok());
    let text = match schema["format"].as_str() {
        Some("date-time") => "2000-01-01T00:00:00Z".to_owned(),
        Some("date") => "2000-01-01".to_owned(),
        Some("uri") => "https://example.org/".to_owned(),
        Some("email") => "nobody@example.org".to_owned(),
        _ => format!("({name})"),
    };
    let padding = std::iter::repeat_n(
        '.',
        limit("minLength")
            .unwrap_or(0)
            .min(100_000)
            .saturating_sub(text.chars().count()),
    );
    let padded = text.chars().chain(padding);
    padded.take(limit("maxLength").unwrap_or(usize::MAX)).collect()
}

fn number(schema: &Value) -> Value {
    let bound = |key: &str| schema.get(key).filter(|bound| bound.is_number());
    if let Some(least) = bound("minimum") {
        return least.clone();
    }
    let beyond = |key: &str, step: i64| Some(json!(bound(key)?.as_i64()?.saturating_add(step)));
    beyond("exclusiveMinimum", 1)
        .or_else(|| beyond("exclusiveMaximum", -1))
        .or_else(|| bound("maximum").filter(|most| most.as_f64() < Some(0.0)).cloned())
        .unwrap_or_else(|| json!(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(parts: &[&str]) -> Vec<Vec<String>> {
        let split = |part: &&str| part.split('.').map(str::to_owned).collect();
        parts.iter().map(split).collect()
    }

    fn made(schema: &Value, parts: &[&str]) -> Value {
        let parts = steps(parts);
        of_schema(schema, &parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    fn is_valid(schema: &Value) -> bool {
        jsonschema::is_valid(schema, &made(schema, &[]))
    }

    #[test]
    fn a_schema_gets_what_it_requires_and_what_is_asked_for() {
        let schema = json!({
            "type": "object",
            "required": ["title", "score", "kind", "at"],
            "properties": {
                "title": {"type": "string", "minLength": 10, "maxLength": 12},
                "score": {"type": "integer", "minimum": 3, "maximum": 9},
                "kind": {"enum": ["news", "event"]},
                "at": {"type": "string", "format": "date-time"},
                "note": {"type": "string"},
                "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
            },
            "$defs": {"tag": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
        });
        assert!(is_valid(&schema));
        assert_eq!(
            made(&schema, &["tags.1.name"]),
            json!({
                "title": "(title)...",
                "score": 3,
                "kind": "news",
                "at": "2000-01-01T00:00:00Z",
                "tags": [{"name": "(name)"}, {"name": "(name)"}],
            })
        );
    }

    #[test]
    fn a_made_value_is_valid() {
        for schema in [
            json!({"type": ["null", "string"]}),
            json!({"type": "array", "minItems": 2, "items": {"type": "boolean"}}),
            json!({"anyOf": [{"type": "number", "exclusiveMinimum": 4}, {"type": "null"}]}),
            json!({"type": "number", "maximum": -2}),
            json!({"allOf": [
                {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
                {"type": "object", "required": ["b"], "properties": {"b": {"const": 7}}},
            ]}),
            json!({"type": "object", "required": ["free"]}),
        ] {
            assert!(is_valid(&schema), "{schema}: {}", made(&schema, &[]));
        }
    }

    #[test]
    fn a_schema_that_contains_itself_comes_to_an_end() {
        let schema = json!({"type": "object", "required": ["in"], "properties": {"in": {"$ref": "#"}}});
        assert!(made(&schema, &[]).to_string().ends_with("null}}}}}}}}}}}}}"));
    }

    #[test]
    fn an_object_for_parts_has_each_of_them() {
        let parts = steps(&["title", "tags.1", "author.name", "list.0.id"]);
        let parts: Vec<&[String]> = parts.iter().map(Vec::as_slice).collect();
        assert_eq!(
            of_parts(&parts),
            json!({
                "title": "(title)",
                "tags": ["(tags.1)", "(tags.1)"],
                "author": {"name": "(author.name)"},
                "list": [{"id": "(list.0.id)"}],
            })
        );
        assert_eq!(of_parts(&[]), json!({}));
    }
}
