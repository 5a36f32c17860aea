//! What type a property's column has: from the values that there are, or from a JSON schema.

use std::fmt;

use serde_json::{Map, Value};

/// The type of a column that is made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Text,
    Bigint,
    Double,
    Boolean,
    Jsonb,
    Timestamptz,
    Date,
    Uuid,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text => "text",
            Self::Bigint => "bigint",
            Self::Double => "double precision",
            Self::Boolean => "boolean",
            Self::Jsonb => "jsonb",
            Self::Timestamptz => "timestamptz",
            Self::Date => "date",
            Self::Uuid => "uuid",
        })
    }
}

impl ColumnType {
    /// The type for values of both: whole numbers and others are numbers, what is not of one kind is text, and whatever has
    /// parts stays JSON.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (one, same) if one == same => one,
            (Self::Jsonb, _) | (_, Self::Jsonb) => Self::Jsonb,
            (Self::Bigint | Self::Double, Self::Bigint | Self::Double) => Self::Double,
            _ => Self::Text,
        }
    }

    /// The type for all of these; `None` when none says anything.
    fn of_all(types: impl IntoIterator<Item = Option<Self>>) -> Option<Self> {
        types.into_iter().flatten().reduce(Self::or)
    }

    /// The type for these values; text when there is none.
    pub(crate) fn of_values<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        Self::of_all(values.into_iter().map(Self::of_value)).unwrap_or(Self::Text)
    }

    fn of_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Bool(_) => Some(Self::Boolean),
            Value::Number(number) if number.is_i64() => Some(Self::Bigint),
            Value::Number(_) => Some(Self::Double),
            Value::String(_) => Some(Self::Text),
            Value::Array(_) | Value::Object(_) => Some(Self::Jsonb),
        }
    }
}

/// A property that a schema declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) property: String,
    pub(crate) kind: ColumnType,
    /// Whether every object has it, and with a value.
    pub(crate) is_required: bool,
}

/// How far references and alternatives are followed.
const DEEPEST: u32 = 16;

/// The properties of the rows that `schema` describes: of an object, or of the objects in an array. `None` when it
/// describes neither; none when it says nothing of their properties.
pub(crate) fn declared(schema: &Value) -> Option<Vec<Declared>> {
    let mut rows = resolved(schema, schema, DEEPEST)?;
    if let Some(items) = rows.get("items") {
        rows = resolved(schema, items, DEEPEST)?;
    }
    let is_object = rows.get("type").is_none_or(|kind| kind == "object");
    let Some(properties) = rows.get("properties").and_then(Value::as_object) else {
        return (is_object && rows.contains_key("type")).then(Vec::new);
    };
    if !is_object {
        return None;
    }
    let required: Vec<&str> = rows
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let declared = properties.iter().map(|(property, of_property)| {
        let said = said(schema, of_property, DEEPEST);
        Declared {
            property: property.clone(),
            kind: said.kind.unwrap_or(ColumnType::Jsonb),
            is_required: required.contains(&property.as_str()) && !said.may_be_null,
        }
    });
    Some(declared.collect())
}

/// What a schema says of a value.
struct Said {
    kind: Option<ColumnType>,
    may_be_null: bool,
}

fn said(root: &Value, schema: &Value, depth: u32) -> Said {
    let nothing = Said {
        kind: None,
        may_be_null: true,
    };
    let Some(schema) = resolved(root, schema, depth) else {
        return nothing;
    };
    let named = match schema.get("type") {
        Some(Value::String(name)) => vec![name.as_str()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !named.is_empty() {
        return Said {
            kind: ColumnType::of_all(named.iter().map(|name| of_name(name, schema))).or(Some(ColumnType::Text)),
            may_be_null: named.contains(&"null"),
        };
    }
    let values = schema.get("enum").and_then(Value::as_array);
    if let Some(values) = values
        .map(Vec::as_slice)
        .or(schema.get("const").map(std::slice::from_ref))
    {
        return Said {
            kind: Some(ColumnType::of_values(values)),
            may_be_null: values.contains(&Value::Null),
        };
    }
    for (key, is_choice) in [("anyOf", true), ("oneOf", true), ("allOf", false)] {
        if depth == 0 {
            break;
        }
        let Some(parts) = schema.get(key).and_then(Value::as_array) else {
            continue;
        };
        let said: Vec<Said> = parts.iter().map(|part| said(root, part, depth - 1)).collect();
        // One alternative that says nothing allows everything.
        let is_open = is_choice && said.iter().any(|one| one.kind.is_none());
        return Said {
            kind: ColumnType::of_all(said.iter().map(|one| one.kind)).filter(|_| !is_open),
            may_be_null: if is_choice {
                said.iter().any(|one| one.may_be_null)
            } else {
                said.iter().all(|one| one.may_be_null)
            },
        };
    }
    nothing
}

fn of_name(name: &str, schema: &Map<String, Value>) -> Option<ColumnType> {
    match name {
        "string" => Some(match schema.get("format").and_then(Value::as_str) {
            Some("date-time") => ColumnType::Timestamptz,
            Some("date") => ColumnType::Date,
            Some("uuid") => ColumnType::Uuid,
            _ => ColumnType::Text,
        }),
        "integer" => Some(ColumnType::Bigint),
        "number" => Some(ColumnType::Double),
        "boolean" => Some(ColumnType::Boolean),
        "array" | "object" => Some(ColumnType::Jsonb),
        _ => None,
    }
}

/// The schema that `schema` is, or that it refers to within `root`.
fn resolved<'a>(root: &'a Value, schema: &'a Value, depth: u32) -> Option<&'a Map<String, Value>> {
    let object = schema.as_object()?;
    let Some(reference) = object.get("$ref").and_then(Value::as_str) else {
        return Some(object);
    };
    let target = root.pointer(reference.strip_prefix('#')?)?;
    resolved(root, target, depth.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ColumnType, declared};

    fn of(values: &Value) -> String {
        let values = values.as_array().cloned().unwrap_or_default();
        ColumnType::of_values(&values).to_string()
    }

    #[test]
    fn the_type_of_values_is_the_narrowest_for_all_of_them() {
        for (values, kind) in [
            (json!(["a"]), "text"),
            (json!([1, -2]), "bigint"),
            (json!([1, 2.5]), "double precision"),
            (json!([18_446_744_073_709_551_615_u64]), "double precision"),
            (json!([true, null]), "boolean"),
            (json!([[], ["a"]]), "jsonb"),
            (json!([{}]), "jsonb"),
            (json!([null, null]), "text"),
            (json!([]), "text"),
            (json!(["a", 1]), "text"),
            (json!([true, 1]), "text"),
            (json!(["a", ["b"]]), "jsonb"),
            (json!(["2026-01-01"]), "text"),
        ] {
            assert_eq!(of(&values), kind, "{values}");
        }
    }

    /// The columns of one property's schema, as `type` or `type!` where it must have a value.
    fn column(schema: &Value) -> Option<String> {
        let row = json!({
            "type": "object",
            "properties": { "p": schema },
            "required": ["p"],
            "$defs": { "score": { "type": "integer" }, "loop": { "$ref": "#/$defs/loop" } },
        });
        let declared = declared(&row)?;
        let property = declared.first()?;
        Some(format!(
            "{}{}",
            property.kind,
            if property.is_required { "!" } else { "" }
        ))
    }

    #[test]
    fn a_schema_declares_types_and_what_must_be_there() {
        for (schema, expected) in [
            (json!({"type": "string"}), "text!"),
            (json!({"type": "string", "format": "date-time"}), "timestamptz!"),
            (json!({"type": "string", "format": "date"}), "date!"),
            (json!({"type": "string", "format": "uuid"}), "uuid!"),
            (json!({"type": "string", "format": "email"}), "text!"),
            (json!({"type": "integer"}), "bigint!"),
            (json!({"type": "number"}), "double precision!"),
            (json!({"type": "boolean"}), "boolean!"),
            (json!({"type": "array", "items": {"type": "string"}}), "jsonb!"),
            (json!({"type": "object"}), "jsonb!"),
            (json!({"type": ["integer", "null"]}), "bigint"),
            (json!({"type": ["integer", "number"]}), "double precision!"),
            (json!({"type": "null"}), "text"),
            (json!({"enum": ["low", "high"]}), "text!"),
            (json!({"enum": [1, null]}), "bigint"),
            (json!({"const": true}), "boolean!"),
            (json!({"anyOf": [{"type": "string"}, {"type": "null"}]}), "text"),
            (json!({"anyOf": [{"type": "string"}, {}]}), "jsonb"),
            (json!({"allOf": [{"type": "integer"}, {"minimum": 1}]}), "bigint!"),
            (json!({"$ref": "#/$defs/score"}), "bigint!"),
            (json!({"$ref": "#/$defs/loop"}), "jsonb"),
            (json!({"$ref": "https://example.com/schema"}), "jsonb"),
            (json!({"minimum": 1}), "jsonb"),
            (json!(true), "jsonb"),
        ] {
            assert_eq!(column(&schema).as_deref(), Some(expected), "{schema}");
        }
    }

    #[test]
    fn rows_are_an_object_or_the_objects_of_an_array() {
        let object = json!({"properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]});
        let array = json!({"type": "array", "items": {"$ref": "#/$defs/row"}, "$defs": {"row": object.clone()}});
        assert_eq!(declared(&array), declared(&object));
        assert_eq!(declared(&object).map(|declared| declared.len()), Some(2));
        assert_eq!(declared(&json!({"type": "object"})), Some(Vec::new()));
        for schema in [
            json!({"type": "string"}),
            json!({"type": "array"}),
            json!({"type": "array", "items": {"type": "string"}}),
            json!({}),
            json!("object"),
        ] {
            assert_eq!(declared(&schema), None, "{schema}");
        }
    }
}
