//! What a test expects of a reply.

use botticelli_narrative::{Act, JsonPath, ModelChoice};
use jsonschema::Validator;
use regex::Regex;
use serde_json::Value;
use similar::TextDiff;

/// What is expected of the replies of an act, each of them.
pub(super) struct Expectation {
    /// The act, by its name or with those of the acts that it stands in: `draft`, `tip/draft`. `None` is what the run says last.
    pub(super) act: Option<String>,
    pub(super) checks: Vec<Check>,
}

/// One thing that must hold.
pub(super) enum Check {
    Contains(String),
    Lacks(String),
    Matches(Regex),
    AtLeast(usize),
    AtMost(usize),
    /// The reply's JSON has such a part, and it is this, if one is given.
    Part(JsonPath, Option<Value>),
    /// The reply is this text, or its JSON this value.
    Is(Value),
    /// The reply's JSON satisfies the act's schema.
    OwnSchema,
    Schema(Box<Validator>),
    /// The words are so much alike, 0 to 1.
    Similar(String, f64),
    /// A model gives at least this score, 1 to 10.
    Judge {
        prompt: String,
        choice: ModelChoice,
        at_least: i64,
    },
}

/// A reply to be looked at.
pub(super) struct Said<'a> {
    pub(super) text: &'a str,
    pub(super) json: Option<&'a Value>,
    /// The act that said it.
    pub(super) act: Option<&'a Act>,
}

impl Check {
    /// Why it does not hold; `None` when it does. What a judge says is not asked here.
    pub(super) fn failure(&self, said: &Said<'_>) -> Option<String> {
        let letters = || said.text.chars().count();
        match self {
            Self::Contains(text) => (!said.text.contains(text)).then(|| format!("does not contain `{text}`")),
            Self::Lacks(text) => said.text.contains(text).then(|| format!("contains `{text}`")),
            Self::Matches(regex) => (!regex.is_match(said.text)).then(|| format!("does not match `{regex}`")),
            Self::AtLeast(least) => {
                (letters() < *least).then(|| format!("has {} characters, fewer than {least}", letters()))
            }
            Self::AtMost(most) => {
                (letters() > *most).then(|| format!("has {} characters, more than {most}", letters()))
            }
            Self::Part(path, expected) => part_failure(said, path, expected.as_ref()),
            Self::Is(Value::String(text)) => (said.text != text).then(|| format!("is not `{text}`")),
            Self::Is(value) => (said.json != Some(value)).then(|| format!("is not `{value}`")),
            Self::OwnSchema => {
                let Some(schema) = said.act.and_then(Act::schema) else {
                    return Some("has no schema of its own; write `schema` as a table".to_owned());
                };
                match jsonschema::validator_for(schema) {
                    Ok(validator) => schema_failure(said, &validator),
                    Err(error) => Some(format!("has a schema that is none: {error}")),
                }
            }
            Self::Schema(validator) => schema_failure(said, validator),
            Self::Similar(text, least) => {
                let share = TextDiff::from_words(text.as_str(), said.text).ratio();
                let share = f64::from(share);
                (share < *least).then(|| format!("is like the expected text by {share:.2}, less than {least}"))
            }
            Self::Judge { .. } => None,
        }
    }
}

fn part_failure(said: &Said<'_>, path: &JsonPath, expected: Option<&Value>) -> Option<String> {
    let Some(json) = said.json else {
        return Some(format!("is not JSON, so it has no `{path}`"));
    };
    match (path.part(json), expected) {
        (None, _) => Some(format!("has no `{path}`")),
        (Some(found), Some(expected)) if !is_same(found, expected) => {
            Some(format!("has `{found}` at `{path}`, not `{expected}`"))
        }
        (Some(_), _) => None,
    }
}

/// Whether two values are the same; 1 and 1.0 are.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq(),
        _ => one == other,
    }
}

fn schema_failure(said: &Said<'_>, validator: &Validator) -> Option<String> {
    let Some(json) = said.json else {
        return Some("is not JSON".to_owned());
    };
    let breaches: Vec<String> = validator
        .iter_errors(json)
        .take(3)
        .map(|error| {
            let at = match error.instance_path().as_str() {
                "" => "the root".to_owned(),
                pointer => format!("`{pointer}`"),
            };
            format!("at {at}: {error}")
        })
        .collect();
    (!breaches.is_empty()).then(|| format!("is against the schema: {}", breaches.join("; ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn failure(check: &Check, text: &str) -> Option<String> {
        let json = serde_json::from_str(text).ok();
        check.failure(&Said {
            text,
            json: json.as_ref(),
            act: None,
        })
    }

    fn path(written: &str) -> JsonPath {
        JsonPath::parse(written).unwrap_or_else(|| panic!("{written}"))
    }

    #[test]
    fn each_check_says_why_it_does_not_hold() {
        let matches = Check::Matches(Regex::new("^[A-Z]").unwrap_or_else(|_| unreachable!()));
        for (check, text, expected) in [
            (Check::Contains("tea".to_owned()), "coffee", "does not contain `tea`"),
            (Check::Lacks("tea".to_owned()), "tea", "contains `tea`"),
            (matches, "tea", "does not match `^[A-Z]`"),
            (Check::AtLeast(4), "tée", "has 3 characters, fewer than 4"),
            (Check::AtMost(2), "tée", "has 3 characters, more than 2"),
            (Check::Part(path("$.a"), None), "tea", "is not JSON, so it has no `$.a`"),
            (Check::Part(path("$.a"), None), "{}", "has no `$.a`"),
            (
                Check::Part(path("$.a"), Some(json!(2))),
                r#"{"a":1}"#,
                "has `1` at `$.a`, not `2`",
            ),
            (Check::Is(json!("tea")), "coffee", "is not `tea`"),
            (Check::Is(json!([1])), "[2]", "is not `[1]`"),
            (
                Check::OwnSchema,
                "{}",
                "has no schema of its own; write `schema` as a table",
            ),
            (
                Check::Similar("one two three four".to_owned(), 0.9),
                "five six seven eight",
                "less than 0.9",
            ),
        ] {
            let failure = failure(&check, text).unwrap_or_default();
            assert!(failure.contains(expected), "{failure}");
        }
    }

    #[test]
    fn each_check_holds_where_it_does() {
        for (check, text) in [
            (Check::Contains("tea".to_owned()), "tea"),
            (Check::Lacks("tea".to_owned()), "coffee"),
            (Check::AtLeast(3), "tée"),
            (Check::AtMost(3), "tée"),
            (Check::Part(path("$.a"), Some(json!(1))), r#"{"a":1.0}"#),
            (Check::Is(json!("tea")), "tea"),
            (Check::Is(json!({"a": [1]})), r#"{ "a": [1] }"#),
            (
                Check::Similar("one two three four".to_owned(), 0.7),
                "one two three five",
            ),
        ] {
            assert_eq!(failure(&check, text), None, "{text}");
        }
    }
}
