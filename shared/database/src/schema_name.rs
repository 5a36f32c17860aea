//! The name of the schema that holds a fleet, and the statements of the one that this process serves.

use std::{
    collections::HashMap,
    fmt,
    str::FromStr,
    sync::{OnceLock, PoisonError, RwLock},
};

use crate::renaming::{WRITTEN_FOR, renamed};

/// What PostgreSQL cuts names off at, 63 bytes, less the longest ending that a channel's name adds.
const LONGEST: usize = 40;

/// The schema of a fleet. Several fleets live in one database under different names and know nothing of each other.
///
/// Without a choice it is `botticelli`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SchemaName(String);

/// A text is no name for a fleet's schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a name for a schema; write {WAY_OUT}")]
pub struct SchemaNameError {
    name: String,
}

const WAY_OUT: &str = "a lowercase letter or `_`, then up to 39 of `a-z`, `0-9` and `_`; `public`, `information_schema` \
                       and what begins with `pg_` are for others";

/// Statements of this process are made for another schema already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this process serves schema `{served}` and cannot serve `{asked}` too; start another process for it")]
pub struct SchemaTaken {
    served: SchemaName,
    asked: SchemaName,
}

impl SchemaName {
    /// The name as in the settings.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether statements are written for this very name.
    pub(crate) fn is_written(&self) -> bool {
        self.0 == WRITTEN_FOR
    }
}

impl Default for SchemaName {
    fn default() -> Self {
        Self(WRITTEN_FOR.to_owned())
    }
}

impl fmt::Display for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SchemaName {
    type Err = SchemaNameError;

    fn from_str(name: &str) -> Result<Self, SchemaNameError> {
        let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        let goes_on_well = name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let is_foreign = name.starts_with("pg_") || ["public", "information_schema"].contains(&name);
        if starts_well && goes_on_well && !is_foreign && name.len() <= LONGEST {
            Ok(Self(name.to_owned()))
        } else {
            Err(SchemaNameError { name: name.to_owned() })
        }
    }
}

/// The schema that this process serves, fixed by the first who asks.
static SERVED: OnceLock<SchemaName> = OnceLock::new();

/// Statements rewritten for [`SERVED`], by the place of the text they are made from. There is one for each statement in
/// the program, and each lives as long as the process.
static REWRITTEN: RwLock<Option<HashMap<(usize, usize), &'static str>>> = RwLock::new(None);

/// From now on every statement of this process is for the fleet in schema `name`. To be called before the first statement:
/// one that was made without a choice is for `botticelli`, and so are all others then.
///
/// # Errors
///
/// [`SchemaTaken`] when statements were made for another schema.
pub fn serve_schema(name: SchemaName) -> Result<(), SchemaTaken> {
    let served = SERVED.get_or_init(|| name.clone());
    if *served == name {
        Ok(())
    } else {
        Err(SchemaTaken {
            served: served.clone(),
            asked: name,
        })
    }
}

/// The schema that this process serves.
pub fn served_schema() -> &'static SchemaName {
    SERVED.get_or_init(SchemaName::default)
}

/// `text`, which is written for the schema `botticelli`, as it is for the schema that this process serves: the name itself
/// where it stands before a dot or in quotes, and the names of its notification channels.
///
/// Every statement and channel of the product goes through here. For `botticelli` this is `text` itself; for another name
/// each text is rewritten once.
pub fn sql(text: &'static str) -> &'static str {
    let schema = served_schema();
    if schema.is_written() {
        return text;
    }
    let place = (text.as_ptr().addr(), text.len());
    let known = REWRITTEN.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(rewritten) = known.as_ref().and_then(|known| known.get(&place)) {
        return rewritten;
    }
    drop(known);
    let mut known = REWRITTEN.write().unwrap_or_else(PoisonError::into_inner);
    known
        .get_or_insert_default()
        .entry(place)
        .or_insert_with(|| renamed(text, schema).leak())
}

#[cfg(test)]
mod tests {
    use super::{SchemaName, SchemaNameError};

    fn parsed(name: &str) -> Result<SchemaName, SchemaNameError> {
        name.parse()
    }

    #[test]
    fn names_that_need_no_quotes_in_a_url_are_accepted_also_words_of_sql() {
        let longest = "a".repeat(40);
        for name in ["botticelli", "fleet_b", "_", "b2", "user", "pgfleet", longest.as_str()] {
            assert_eq!(parsed(name).map(|name| name.to_string()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn other_names_are_refused_with_what_is_right() {
        let too_long = "a".repeat(41);
        for name in [
            "",
            "Fleet",
            "2b",
            "fleet-b",
            "fleet b",
            "fleet.b",
            "fleet\"b",
            "fleet'; drop",
            "flotte_ä",
            "pg_fleet",
            "public",
            "information_schema",
            too_long.as_str(),
        ] {
            let expected =
                format!("`{name}` is not a name for a schema; write a lowercase letter or `_`, then up to 39 of ");
            let refusal = parsed(name).map_err(|error| error.to_string());
            assert!(
                refusal.as_ref().is_err_and(|error| error.starts_with(&expected)),
                "{refusal:?}"
            );
        }
    }
}
