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

/// Whether `schema` is a JSON schema that answers can be held against.
///
/// # Errors
///
/// The place and what is wrong there, in words.
pub fn check_schema(schema: &Value) -> Result<(), String> {
    match compiled(schema) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("at `{}` {error}", error.instance_path().as_str())),
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
