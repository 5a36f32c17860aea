//! Compiled JSON schemas, shared by the calls that want the same.

use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::{ValidationError, Validator};
use serde_json::Value;

/// How many are kept that nobody uses. A pattern such as `^.{40,220}$` makes half a megabyte and a millisecond of work.
const KEPT: usize = 32;

/// The ones that were used last, newest first.
static COMPILED: Mutex<Vec<(Value, Arc<Validator>)>> = Mutex::new(Vec::new());

/// `schema`, compiled.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn compiled(schema: &Value) -> Result<Arc<Validator>, ValidationError<'static>> {
    // Nothing in here leaves the list half changed. Whoever waits wants the same schema more often than not.
    let mut kept = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(place) = kept.iter().position(|(known, _)| known == schema) {
        kept[..=place].rotate_right(1);
        return Ok(Arc::clone(&kept[0].1));
    }
    let validator = Arc::new(jsonschema::validator_for(schema)?);
    kept.truncate(KEPT - 1);
    kept.insert(0, (schema.clone(), Arc::clone(&validator)));
    Ok(validator)
}

/// Something that is wrong in a JSON schema.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaMistake {
    /// Where, as a JSON pointer.
    pub at: String,
    /// What is written there.
    pub value: Value,
    /// What is wrong with it.
    pub detail: String,
}

impl SchemaMistake {
    fn of(error: &ValidationError<'_>) -> Self {
        Self {
            at: error.instance_path().as_str().to_owned(),
            value: error.instance().as_ref().clone(),
            detail: error.to_string(),
        }
    }
}

/// Whether `schema` is a JSON schema that answers can be held against.
///
/// # Errors
///
/// Everything that is wrong in it, as far as that can be told before the rest is right.
pub fn check_schema(schema: &Value) -> Result<(), Vec<SchemaMistake>> {
    let Err(first) = compiled(schema) else { return Ok(()) };
    let mut mistakes = Vec::new();
    if let Ok(rules) = jsonschema::meta::validator_for(schema) {
        mistakes.extend(rules.iter_errors(schema).map(|error| SchemaMistake::of(&error)));
    }
    push_patterns(schema, "", &mut mistakes);
    if mistakes.is_empty() {
        mistakes.push(SchemaMistake::of(&first));
    }
    Err(mistakes)
}

/// Adds patterns that are no regular expressions, which the rules of schemas do not tell.
fn push_patterns(part: &Value, at: &str, mistakes: &mut Vec<SchemaMistake>) {
    if let Some(pattern) = part.get("pattern").filter(|pattern| pattern.is_string())
        && let Err(error) = jsonschema::validator_for(&serde_json::json!({ "pattern": pattern }))
    {
        mistakes.push(SchemaMistake {
            at: format!("{at}/pattern"),
            value: pattern.clone(),
            detail: error.to_string(),
        });
    }
    match part {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, field)| push_patterns(field, &format!("{at}/{key}"), mistakes)),
        Value::Array(items) => (0..)
            .zip(items)
            .for_each(|(number, item)| push_patterns(item, &format!("{at}/{number}"), mistakes)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_that_want_the_same_schema_share_it() {
        let schema = json!({"properties": {"shared": {"type": "string"}}});
        let (Ok(one), Ok(other)) = (compiled(&schema), compiled(&schema.clone())) else {
            panic!("it is a schema");
        };
        assert!(Arc::ptr_eq(&one, &other));
    }

    #[test]
    fn the_schemas_that_are_kept_are_few_and_the_newest_among_them() {
        let schema = |number: usize| json!({"minimum": number});
        for number in 0..KEPT * 2 {
            assert!(compiled(&schema(number)).is_ok_and(|validator| validator.is_valid(&json!(number))));
        }
        let kept = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(kept.len() <= KEPT);
    }
}
