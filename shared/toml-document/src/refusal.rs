//! Why a document is refused.

use std::fmt;

use toml::de::DeTable;

use crate::{
    key_path::{dotted, key_path_at},
    location::Location,
    nearest::nearest,
};

/// Why a document is refused, with the place of the mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TomlError {
    /// The text is not TOML.
    Syntax {
        /// Where reading stopped.
        location: Location,
        /// What the parser met and wanted.
        detail: String,
    },
    /// A key that this table does not have.
    UnknownKey {
        /// Where the key stands.
        location: Location,
        /// The key as written.
        key: String,
        /// The dotted path of the table that holds it; empty for the document itself.
        table: String,
        /// The keys that the table may have.
        expected: Vec<String>,
    },
    /// A key that this table must have.
    MissingKey {
        /// Where the table stands.
        location: Location,
        /// The missing key.
        key: String,
        /// The dotted path of the table that lacks it; empty for the document itself.
        table: String,
    },
    /// A value of the wrong kind, or not among the allowed ones.
    Value {
        /// Where the value stands.
        location: Location,
        /// The dotted path of the value's key; empty for the document itself.
        key: String,
        /// What is wrong with the value.
        detail: String,
    },
}

/// A mistake, and the path of the entry that would have to go to be rid of it.
pub(crate) struct Mistake {
    pub(crate) error: TomlError,
    /// Empty when that is the whole document.
    pub(crate) entry: Vec<String>,
}

impl TomlError {
    /// What is wrong and the way out, without the place.
    pub fn detail(&self) -> String {
        match self {
            Self::Syntax { detail, .. } => detail.clone(),
            Self::UnknownKey { key, expected, .. } => format!("unknown key `{key}`{}", way_out(key, expected)),
            Self::MissingKey { key, table, .. } => format!("missing key `{key}`{}", within(table)),
            Self::Value { key, detail, .. } => format!("{}{detail}", of_key(key)),
        }
    }

    /// The dotted path of the entry that is wrong or missing; empty for the document itself.
    pub fn key(&self) -> String {
        match self {
            Self::Syntax { .. } => String::new(),
            Self::UnknownKey { table, key, .. } | Self::MissingKey { table, key, .. } if table.is_empty() => {
                key.clone()
            }
            Self::UnknownKey { table, key, .. } | Self::MissingKey { table, key, .. } => format!("{table}.{key}"),
            Self::Value { key, .. } => key.clone(),
        }
    }

    /// Where the mistake stands.
    pub fn location(&self) -> &Location {
        match self {
            Self::Syntax { location, .. }
            | Self::UnknownKey { location, .. }
            | Self::MissingKey { location, .. }
            | Self::Value { location, .. } => location,
        }
    }

    /// Finds out what `error`, which reading `text` from `path` gave, means for the author of the document.
    pub(crate) fn explain(path: &str, text: &str, error: &toml::de::Error) -> Mistake {
        let root = match DeTable::parse(text) {
            Ok(root) => root,
            Err(syntax) => {
                let offset = syntax.span().map_or(text.len(), |span| span.start);
                let location = Location::of(path, text, offset);
                return Mistake {
                    error: Self::Syntax {
                        location,
                        detail: one_line(syntax.message()),
                    },
                    entry: Vec::new(),
                };
            }
        };
        let span = error.span().unwrap_or(0..0);
        let location = Location::of(path, text, span.start);
        // A key that the document itself lacks is reported for the whole of it, which no table in it may claim.
        let mut parts = if span == root.span() {
            Vec::new()
        } else {
            key_path_at(root.get_ref(), &span)
        };
        let entry = parts.clone();
        let message = error.message();
        let error = if let Some((key, expected)) = unknown(message, "unknown field `") {
            // The mistake's place is the key itself, so the table is everything before it.
            parts.pop();
            Self::UnknownKey {
                location,
                key,
                table: dotted(&parts),
                expected,
            }
        } else if let Some(key) = message
            .strip_prefix("missing field `")
            .and_then(|rest| rest.strip_suffix('`'))
        {
            Self::MissingKey {
                location,
                key: key.to_owned(),
                table: dotted(&parts),
            }
        } else {
            let detail = match unknown(message, "unknown variant `") {
                Some((value, expected)) => format!("unknown value `{value}`{}", way_out_of_value(&value, &expected)),
                None => in_plain_words(&one_line(message)),
            };
            Self::Value {
                location,
                key: dotted(&parts),
                detail,
            }
        };
        Mistake { error, entry }
    }
}

impl fmt::Display for TomlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location(), self.detail())
    }
}

impl std::error::Error for TomlError {}

/// Splits serde's "unknown field `x`, expected one of `a`, `b`" into the word and what was expected.
fn unknown(message: &str, prefix: &str) -> Option<(String, Vec<String>)> {
    let rest = message.strip_prefix(prefix)?;
    let (word, expected) = rest
        .split_once("`, expected ")
        .or_else(|| rest.split_once("`, there are no "))?;
    let expected = expected.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    Some((word.to_owned(), expected))
}

fn way_out(word: &str, expected: &[String]) -> String {
    suggestion(word, expected, "the keys here are")
}

fn way_out_of_value(word: &str, expected: &[String]) -> String {
    suggestion(word, expected, "the values here are")
}

fn suggestion(word: &str, expected: &[String], listing: &str) -> String {
    match nearest(word, expected.iter().map(String::as_str)) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if expected.is_empty() => "; nothing may stand here".to_owned(),
        None => format!("; {listing} `{}`", expected.join("`, `")),
    }
}

fn within(table: &str) -> String {
    if table.is_empty() {
        String::new()
    } else {
        format!(" in `{table}`")
    }
}

fn of_key(key: &str) -> String {
    if key.is_empty() {
        String::new()
    } else {
        format!("key `{key}`: ")
    }
}

/// What serde says it expected, for people who do not write Rust.
fn in_plain_words(message: &str) -> String {
    let Some((found, expected)) = message.rsplit_once(", expected ") else {
        return message.to_owned();
    };
    let plain = match expected {
        "u8" => "a whole number from 0 to 255",
        "a nonzero u8" => "a whole number from 1 to 255",
        "u16" => "a whole number from 0 to 65535",
        "a nonzero u16" => "a whole number from 1 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "a nonzero u32" => "a whole number from 1 to 4294967295",
        "i64" | "u64" | "usize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a map" => "a table",
        "a sequence" => "a list",
        other if other.starts_with("struct ") => "a table",
        other => other,
    };
    format!("{found}, expected {plain}")
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
