//! The contract between those who enqueue and those who run: what the arguments of each kind of job may be.
//!
//! `botticelli.check_args` in `migrations/0004_enqueue.sql` refuses the same mistakes at enqueue; the worker checks again,
//! because a row can be inserted by hand.

mod registry;

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

// An actor's kind is decided by its settings and stored in `jobs.kind`: renaming one orphans rows already queued.
pub use botticelli_settings::ActorKind as Kind;
pub use registry::{RegisterError, register_fleet};

/// Arguments of a generation or narrative job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NarrativeArgs {
    /// Values for `{{args.KEY}}` in the narrative's prompts.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub args: Map<String, Value>,
    /// Rounds of the carousel instead of the narrative's own number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iterations: Option<NonZeroU32>,
    /// The narrative of the actor's file to run instead of the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrative_name: Option<String>,
}

/// Arguments of a curation or posting job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchArgs {
    /// Posts to handle at most, instead of the actor's configured limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<NonZeroU32>,
}

/// Arguments that the kind does not allow; running the job again cannot help.
#[derive(Debug, thiserror::Error)]
#[error("the arguments of the job are not those of kind `{kind}`: {detail}")]
pub struct ArgsError {
    kind: &'static str,
    detail: serde_json::Error,
}

/// Reads a job's arguments.
///
/// # Errors
///
/// [`ArgsError`] naming the key that is unknown or has the wrong type.
pub fn read_args<T: for<'de> Deserialize<'de>>(kind: Kind, args: &Value) -> Result<T, ArgsError> {
    T::deserialize(args).map_err(|detail| ArgsError {
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
            narrative_name: Some("tips".to_owned()),
        };
        let golden = json!({"args": {"topic": "release"}, "iterations": 2, "narrative_name": "tips"});
        assert_eq!(serde_json::to_value(&args)?, golden);
        assert_eq!(serde_json::from_value::<NarrativeArgs>(golden)?, args);
        assert_eq!(serde_json::to_value(BatchArgs::default())?, json!({}));
        Ok(())
    }

    #[test]
    fn an_unknown_argument_is_refused_by_name() {
        let refusal = read_args::<BatchArgs>(Kind::Posting, &json!({"limits": 3})).map_err(|error| error.to_string());
        assert_eq!(
            refusal,
            Err(
                "the arguments of the job are not those of kind `posting`: unknown field `limits`, expected `limit`"
                    .to_owned()
            )
        );
    }
}
