//! The contract between those who enqueue and those who run: what the arguments of each kind of job may be.
//!
//! `botticelli.check_args` in `migrations/0008_enqueue_many.sql` refuses the same mistakes at enqueue; the worker checks again,
//! because a row can be inserted by hand.

mod registry;

use std::num::NonZeroU32;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};

// An actor's kind is decided by its settings and stored in `jobs.kind`: renaming one orphans rows already queued.
pub use botticelli_settings::ActorKind as Kind;
pub use registry::{RegisterError, register_fleet};

/// The form of the arguments below, as it is stored with each job. It grows when an older worker could not read what a newer
/// program enqueues.
pub const ARGS_VERSION: i16 = 1;

/// Arguments of a generation or narrative job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NarrativeArgs {
    /// Values for `{{args.KEY}}` in the narrative's prompts.
    #[serde(default, deserialize_with = "template_args", skip_serializing_if = "Map::is_empty")]
    pub args: Map<String, Value>,
    /// Rounds of the carousel instead of the narrative's own number; 1000 at most.
    #[serde(default, deserialize_with = "iterations", skip_serializing_if = "Option::is_none")]
    pub iterations: Option<NonZeroU32>,
    /// The one round to play, of all of them; 1000 at most.
    #[serde(default, deserialize_with = "round", skip_serializing_if = "Option::is_none")]
    pub round: Option<NonZeroU32>,
    /// The narrative of the actor's file to run instead of the configured one.
    #[serde(
        default,
        deserialize_with = "narrative_name",
        skip_serializing_if = "Option::is_none"
    )]
    pub narrative_name: Option<String>,
}

/// Arguments of a curation or posting job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchArgs {
    /// Posts to handle at most, instead of the actor's configured limit; 100 at most.
    #[serde(default, deserialize_with = "limit", skip_serializing_if = "Option::is_none")]
    pub limit: Option<NonZeroU32>,
}

fn template_args<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Object(args) => Ok(args),
        other => Err(D::Error::custom(format_args!(
            "argument `args` must be a JSON object of template values, not {other}"
        ))),
    }
}

fn iterations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroU32>, D::Error> {
    whole_number(deserializer, "iterations", 1000)
}

fn round<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroU32>, D::Error> {
    whole_number(deserializer, "round", 1000)
}

fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroU32>, D::Error> {
    whole_number(deserializer, "limit", 100)
}

fn narrative_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(name) => Ok(Some(name)),
        other => Err(D::Error::custom(format_args!(
            "argument `narrative_name` must be a string, not {other}"
        ))),
    }
}

fn whole_number<'de, D: Deserializer<'de>>(
    deserializer: D,
    key: &str,
    most: u32,
) -> Result<Option<NonZeroU32>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    match number.filter(|number| *number <= most).and_then(NonZeroU32::new) {
        Some(number) => Ok(Some(number)),
        None => Err(D::Error::custom(format_args!(
            "argument `{key}` must be a whole number from 1 to {most}, not {value}"
        ))),
    }
}

/// Arguments that the kind does not allow; running the job again cannot help.
#[derive(Debug, thiserror::Error)]
#[error("the arguments of the job are not those of kind `{kind}`: {detail}")]
pub struct ArgsError {
    kind: &'static str,
    detail: serde_json::Error,
}

/// Reads a job's arguments from their JSON text.
///
/// # Errors
///
/// [`ArgsError`] naming the key that is unknown, of the wrong type or out of range, or saying what makes the text unreadable:
/// PostgreSQL stores numbers and depths of nesting that this reader refuses.
pub fn read_args<T: for<'de> Deserialize<'de>>(kind: Kind, args: &str) -> Result<T, ArgsError> {
    // By way of a value, so that only what makes the text itself unreadable is told with a line and a column.
    serde_json::from_str(args)
        .and_then(|args: Value| T::deserialize(args))
        .map_err(|detail| ArgsError {
            kind: kind.as_str(),
            detail,
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_stored_form_of_arguments_is_kept() -> Result<(), serde_json::Error> {
        let args = NarrativeArgs {
            args: Map::from_iter([("topic".to_owned(), json!("release"))]),
            iterations: NonZeroU32::new(2),
            round: NonZeroU32::new(1),
            narrative_name: Some("tips".to_owned()),
        };
        let golden = json!({"args": {"topic": "release"}, "iterations": 2, "round": 1, "narrative_name": "tips"});
        assert_eq!(serde_json::to_value(&args)?, golden);
        assert_eq!(serde_json::from_value::<NarrativeArgs>(golden)?, args);
        assert_eq!(serde_json::to_value(BatchArgs::default())?, json!({}));
        Ok(())
    }

    #[test]
    fn an_unknown_argument_is_refused_by_name() {
        assert_eq!(
            refusal::<BatchArgs>(Kind::Posting, r#"{"limits": 3}"#),
            "the arguments of the job are not those of kind `posting`: unknown field `limits`, expected `limit`"
        );
    }

    #[test]
    fn the_worker_refuses_the_values_that_enqueue_refuses() {
        for value in ["0", "101", "-1", "2.0", "1.5", "null", r#""3""#, "4294967297"] {
            assert_eq!(
                refusal::<BatchArgs>(Kind::Posting, &format!(r#"{{"limit": {value}}}"#)),
                format!(
                    "the arguments of the job are not those of kind `posting`: argument `limit` must be a whole number \
                     from 1 to 100, not {value}"
                )
            );
        }
        for (args, reason) in [
            (
                r#"{"iterations": 1001}"#,
                "argument `iterations` must be a whole number from 1 to 1000, not 1001",
            ),
            (
                r#"{"args": null}"#,
                "argument `args` must be a JSON object of template values, not null",
            ),
            (
                r#"{"narrative_name": null}"#,
                "argument `narrative_name` must be a string, not null",
            ),
        ] {
            assert_eq!(
                refusal::<NarrativeArgs>(Kind::Generation, args),
                format!("the arguments of the job are not those of kind `generation`: {reason}")
            );
        }
    }

    #[test]
    fn json_that_cannot_be_read_is_refused_with_its_reason() {
        let deep = format!(r#"{{"args": {{"x": {}{}}}}}"#, "[".repeat(200), "]".repeat(200));
        let huge = format!(r#"{{"args": {{"x": 1{}}}}}"#, "0".repeat(400));
        for (args, reason) in [(deep, "recursion limit exceeded"), (huge, "number out of range")] {
            let refusal = refusal::<NarrativeArgs>(Kind::Narrative, &args);
            assert!(refusal.contains(reason), "{refusal}");
        }
    }

    fn refusal<T: for<'de> Deserialize<'de>>(kind: Kind, args: &str) -> String {
        read_args::<T>(kind, args)
            .err()
            .map_or_else(|| format!("{args} was taken"), |error| error.to_string())
    }
}
