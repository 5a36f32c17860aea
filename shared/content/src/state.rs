//! What narratives remember from one run to the next.

use std::{collections::BTreeMap, fmt};

use botticelli_database::sql;
use serde_json::{Map, Value};
use sqlx::{PgConnection, PgExecutor};

use crate::{identifier::shown, matching::holds_nul};

/// The longest key, and the longest name of a scope, in characters.
const LONGEST: usize = 200;

/// Who shares what is remembered. Shown as it is stored: `global`, `narrative:NAME`, `platform:NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope<'a> {
    /// Every narrative.
    Global,
    /// The runs of one narrative.
    Narrative(&'a str),
    /// Everything that has to do with one platform.
    Platform(&'a str),
}

impl fmt::Display for Scope<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => formatter.write_str("global"),
            Self::Narrative(name) => write!(formatter, "narrative:{name}"),
            Self::Platform(name) => write!(formatter, "platform:{name}"),
        }
    }
}

/// Something to remember.
#[derive(Debug, Clone, Copy)]
pub struct StateEntry<'a> {
    /// For whom.
    pub scope: Scope<'a>,
    /// Under which key, of 1 to 200 characters.
    pub key: &'a str,
    /// What.
    pub value: &'a Value,
    /// By whom, for people who look at the table.
    pub by: &'a str,
}

/// Why something could not be remembered or recalled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The key, or the name in the scope, is none.
    #[error("state `{}` of scope `{}` cannot be: a key and a name have 1 to 200 characters, and no NUL among them", shown(.key), shown(.scope))]
    Key {
        /// The scope.
        scope: String,
        /// The key.
        key: String,
    },
    /// The value cannot be kept.
    #[error("the value of state `{}` holds the character NUL, which PostgreSQL has no text with", shown(.0))]
    Value(String),
    /// The database refused or did not answer.
    #[error("state of narratives could not be {action}")]
    Database {
        /// What was to be done.
        action: &'static str,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
}

/// What is remembered under these keys of a scope. Keys with nothing are left out.
///
/// # Errors
///
/// [`StateError`].
pub async fn load_state(
    executor: impl PgExecutor<'_>,
    scope: Scope<'_>,
    keys: &[&str],
) -> Result<Map<String, Value>, StateError> {
    for key in keys {
        check_key(scope, key)?;
    }
    let found: Vec<(String, Value)> = sqlx::query_as(sql(
        "select key, value from botticelli.narrative_state where scope = $1 and key = any($2) order by key",
    ))
    .bind(scope.to_string())
    .bind(keys)
    .fetch_all(executor)
    .await
    .map_err(|source| StateError::Database { action: "read", source })?;
    Ok(found.into_iter().collect())
}

/// Remembers all of these until others are put in their places, in the caller's transaction. Of two of the same key the last
/// counts.
///
/// What a transaction remembers belongs into one call: rows are locked in the order of scopes and keys.
///
/// # Errors
///
/// [`StateError`].
pub async fn save_state(connection: &mut PgConnection, entries: &[StateEntry<'_>]) -> Result<(), StateError> {
    let mut last: BTreeMap<(String, &str), (&Value, String)> = BTreeMap::new();
    for entry in entries {
        check_key(entry.scope, entry.key)?;
        if holds_nul(entry.value) {
            return Err(StateError::Value(entry.key.to_owned()));
        }
        last.insert(
            (entry.scope.to_string(), entry.key),
            (entry.value, entry.by.replace('\0', "")),
        );
    }
    let (scopes, keys): (Vec<&str>, Vec<&str>) = last.keys().map(|(scope, key)| (scope.as_str(), *key)).unzip();
    let (values, by): (Vec<&Value>, Vec<&str>) = last.values().map(|(value, by)| (*value, by.as_str())).unzip();
    sqlx::query(sql(
        "insert into botticelli.narrative_state as state (scope, key, value, updated_by)
         select scope, key, value, updated_by
         from unnest($1::text[], $2::text[], $3::jsonb[], $4::text[]) as entry (scope, key, value, updated_by)
         on conflict (scope, key) do update
         set value = excluded.value, updated_at = now(), updated_by = excluded.updated_by",
    ))
    .bind(scopes)
    .bind(keys)
    .bind(values)
    .bind(by)
    .execute(connection)
    .await
    .map_err(|source| StateError::Database {
        action: "written",
        source,
    })?;
    Ok(())
}

fn check_key(scope: Scope<'_>, key: &str) -> Result<(), StateError> {
    let fits = |text: &str| (1..=LONGEST).contains(&text.chars().count()) && !text.contains('\0');
    let name_fits = match scope {
        Scope::Global => true,
        Scope::Narrative(name) | Scope::Platform(name) => fits(name),
    };
    if name_fits && fits(key) {
        return Ok(());
    }
    Err(StateError::Key {
        scope: scope.to_string(),
        key: key.to_owned(),
    })
}
