//! Steps from a JSON value to a part of it.

use std::fmt;

use serde_json::Value;

/// A path such as `$.items[0].id`, in which `$` is the whole value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath(Vec<String>);

impl JsonPath {
    /// Reads a path; the `$` may be left out. `None` when it is none.
    pub fn parse(written: &str) -> Option<Self> {
        let inner = written.strip_prefix('$').unwrap_or(written);
        let inner = inner.strip_prefix('.').unwrap_or(inner);
        if inner.is_empty() {
            return (!written.is_empty()).then_some(Self(Vec::new()));
        }
        let steps = inner.split(['.', '[']).map(|step| {
            let step = step.strip_suffix(']').unwrap_or(step);
            step.trim_matches(['"', '\'']).to_owned()
        });
        let mut steps: Vec<String> = steps.collect();
        // A bracket at the beginning has nothing before it.
        if inner.starts_with('[') {
            steps.remove(0);
        }
        steps.iter().all(|step| !step.is_empty()).then_some(Self(steps))
    }

    /// The part of `whole` to which it leads, if there is one.
    pub fn part<'v>(&self, whole: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(whole, |value, step| match value {
            Value::Object(fields) => fields.get(step),
            Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        })
    }

    /// Whether it is `$`, the whole value.
    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("$")?;
        self.0.iter().try_for_each(|step| match step.parse::<usize>() {
            Ok(index) => write!(formatter, "[{index}]"),
            Err(_) => write!(formatter, ".{step}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_through_objects_and_lists() {
        let value = json!({"items": [{"id": 7}], "a b": true});
        for (written, expected) in [
            ("$", Some(value.clone())),
            ("$.items[0].id", Some(json!(7))),
            ("items[0]", Some(json!({"id": 7}))),
            ("$[\"a b\"]", Some(json!(true))),
            ("$.items[1]", None),
            ("$.none.id", None),
        ] {
            let path = JsonPath::parse(written);
            assert_eq!(
                path.as_ref().and_then(|path| path.part(&value)),
                expected.as_ref(),
                "{written}"
            );
        }
        let shown = JsonPath::parse("items[0].id").map(|path| path.to_string());
        assert_eq!(shown.as_deref(), Some("$.items[0].id"));
        for wrong in ["", "$.a..b", "$.a[]", "a."] {
            assert_eq!(JsonPath::parse(wrong), None, "{wrong}");
        }
    }
}
