//! The arguments of a command, and what can be wrong with them.

use std::fmt;

use chrono::DateTime;
use serde_json::{Map, Value};

use super::{CommandSpec, Method, Place};

/// Characters of a wrong value that a message quotes.
const QUOTED: usize = 60;

/// An argument of a command.
#[derive(Debug, Clone, Copy)]
pub struct ArgSpec {
    /// Its name in narratives.
    pub name: &'static str,
    /// What it may be.
    pub kind: ArgKind,
    /// Whether the command cannot do without it.
    pub is_required: bool,
    pub(crate) place: Place,
}

impl ArgSpec {
    pub(crate) const fn required(name: &'static str, kind: ArgKind, place: Place) -> Self {
        Self {
            name,
            kind,
            is_required: true,
            place,
        }
    }

    pub(crate) const fn optional(name: &'static str, kind: ArgKind, place: Place) -> Self {
        Self {
            name,
            kind,
            is_required: false,
            place,
        }
    }
}

/// What an argument may be. A text that reads as a number, as `true` or as an array counts as one, because a template
/// always leaves a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgKind {
    /// The id of something on the platform, a number of 64 bits.
    Snowflake,
    /// From `min` to `max` different ids.
    Snowflakes {
        /// The fewest.
        min: usize,
        /// The most.
        max: usize,
    },
    /// A text of `min` to `max` Unicode scalar values; one that must not be empty must not be blank either.
    Text {
        /// The shortest.
        min: usize,
        /// The longest.
        max: usize,
    },
    /// A whole number from `min` to `max`.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// One of these numbers.
    OneOf(&'static [i64]),
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A color: a number up to 16777215, or its six hexadecimal digits behind `#`.
    Color,
    /// An instant as RFC 3339 writes it.
    Instant,
    /// An emoji of Unicode, or one of the server as `name:id`, `<:name:id>` or `custom:id`.
    Emoji,
}

impl fmt::Display for ArgKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snowflake => formatter.write_str("an id, which is a number of up to 20 digits"),
            Self::Snowflakes { min, max } => write!(formatter, "a list of {min} to {max} different ids"),
            Self::Text { min, max } => write!(formatter, "a text of {min} to {max} characters"),
            Self::Integer { min, max: i64::MAX } => write!(formatter, "a whole number from {min}"),
            Self::Integer { min, max } => write!(formatter, "a whole number from {min} to {max}"),
            Self::OneOf(numbers) => write!(formatter, "one of {}", listed(numbers)),
            Self::Boolean => formatter.write_str("`true` or `false`"),
            Self::Choice(words) => write!(formatter, "one of {}", listed(words)),
            Self::Color => formatter.write_str("a color as `#rrggbb` or a number from 0 to 16777215"),
            Self::Instant => formatter.write_str("an instant such as `2027-03-01T18:00:00Z`"),
            Self::Emoji => formatter.write_str("an emoji, or one of the server as `name:id`"),
        }
    }
}

/// What is known of an argument before a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ArgValue<'a> {
    /// Its value.
    Known(&'a Value),
    /// It holds a template, so that its value is known when the run comes to it.
    Template,
}

/// What is wrong with the arguments of a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgProblem {
    /// The command takes no such argument.
    #[error("it takes no argument `{name}`; it takes {}", listed(candidates))]
    Unknown {
        /// What was given.
        name: String,
        /// All that it takes, in the order of its description.
        candidates: Vec<&'static str>,
    },
    /// The command cannot do without it.
    #[error("argument `{name}` is missing: {kind}")]
    Missing {
        /// Which.
        name: &'static str,
        /// What it may be.
        kind: ArgKind,
    },
    /// It is something else, or out of range.
    #[error("argument `{name}` must be {kind}, and is {found}")]
    Wrong {
        /// Which.
        name: &'static str,
        /// What it may be.
        kind: ArgKind,
        /// What was given, shortened.
        found: String,
    },
    /// The command changes what is named, and nothing is named.
    #[error("nothing would change; give at least one of {}", listed(one_of))]
    NothingToChange {
        /// The arguments that name a change.
        one_of: Vec<&'static str>,
    },
}

impl ArgProblem {
    /// The argument it is about, as given; `None` when it is about the call as a whole.
    pub fn argument(&self) -> Option<&str> {
        match self {
            Self::Unknown { name, .. } => Some(name),
            Self::Missing { name, .. } | Self::Wrong { name, .. } => Some(name),
            Self::NothingToChange { .. } => None,
        }
    }
}

impl CommandSpec {
    /// Checks arguments as far as they are known; an empty answer means that nothing is wrong with what is.
    ///
    /// A [`ArgValue::Template`] counts as given, and is checked again by the run that knows it.
    pub fn check_args<'a>(&self, args: impl IntoIterator<Item = (&'a str, ArgValue<'a>)>) -> Vec<ArgProblem> {
        let mut problems = Vec::new();
        let mut given = Vec::new();
        for (name, value) in args {
            let Some(spec) = self.args.iter().find(|spec| spec.name == name) else {
                let candidates = self.args.iter().map(|spec| spec.name).collect();
                let name = name.to_owned();
                problems.push(ArgProblem::Unknown { name, candidates });
                continue;
            };
            given.push(spec.name);
            if let ArgValue::Known(value) = value {
                problems.extend(spec.read(value).err());
            }
        }
        let missing = self
            .args
            .iter()
            .filter(|spec| spec.is_required && !given.contains(&spec.name));
        problems.extend(missing.map(|spec| ArgProblem::Missing {
            name: spec.name,
            kind: spec.kind,
        }));
        let one_of = self.changes();
        if !one_of.is_empty() && !one_of.iter().any(|name| given.contains(name)) {
            problems.push(ArgProblem::NothingToChange { one_of });
        }
        problems
    }

    /// The arguments in the form that goes over the wire, with those that are not given left out.
    pub(crate) fn read_args(&self, args: &Map<String, Value>) -> Result<Map<String, Value>, Vec<ArgProblem>> {
        let known = args.iter().map(|(name, value)| (name.as_str(), ArgValue::Known(value)));
        let problems = self.check_args(known);
        if !problems.is_empty() {
            return Err(problems);
        }
        let given = self
            .args
            .iter()
            .filter_map(|spec| args.get(spec.name).map(|value| (spec, value)));
        let read = given.map(|(spec, value)| Ok((spec.name.to_owned(), spec.read(value)?)));
        read.collect::<Result<_, _>>().map_err(|problem| vec![problem])
    }

    /// The arguments of which an edit needs one, when it can do without each.
    fn changes(&self) -> Vec<&'static str> {
        let in_body = || self.args.iter().filter(|spec| spec.place.is_in_body());
        if self.method != Method::Patch || in_body().any(|spec| spec.is_required) {
            return Vec::new();
        }
        in_body().map(|spec| spec.name).collect()
    }
}

impl ArgSpec {
    /// The value in the form that goes over the wire.
    fn read(&self, value: &Value) -> Result<Value, ArgProblem> {
        self.kind.read(value).ok_or_else(|| ArgProblem::Wrong {
            name: self.name,
            kind: self.kind,
            found: quoted(value),
        })
    }
}

impl ArgKind {
    fn read(self, value: &Value) -> Option<Value> {
        match self {
            Self::Snowflake => snowflake(value).map(Value::String),
            Self::Snowflakes { min, max } => {
                let mut ids: Vec<String> = Vec::new();
                for id in elements(value)? {
                    let id = snowflake(&id)?;
                    if !ids.contains(&id) {
                        ids.push(id);
                    }
                }
                (min..=max).contains(&ids.len()).then(|| ids.into())
            }
            Self::Text { min, max } => {
                let text = value.as_str()?;
                let is_blank = min > 0 && text.trim().is_empty();
                ((min..=max).contains(&text.chars().count()) && !is_blank).then(|| text.into())
            }
            Self::Integer { min, max } => integer(value)
                .filter(|number| (min..=max).contains(number))
                .map(Value::from),
            Self::OneOf(numbers) => integer(value)
                .filter(|number| numbers.contains(number))
                .map(Value::from),
            Self::Boolean => value
                .as_bool()
                .or_else(|| value.as_str()?.trim().parse().ok())
                .map(Value::Bool),
            Self::Choice(words) => {
                let word = value.as_str()?.trim();
                words.contains(&word).then(|| word.into())
            }
            Self::Color => color(value).map(Value::from),
            Self::Instant => {
                let text = value.as_str()?.trim();
                DateTime::parse_from_rfc3339(text).ok().map(|_| text.into())
            }
            Self::Emoji => emoji(value.as_str()?.trim()).map(Value::String),
        }
    }
}

/// An id without leading zeros. Digits alone, because it goes into a path: nothing else could lead elsewhere.
fn snowflake(value: &Value) -> Option<String> {
    let id = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => digits(text.trim()),
        _ => None,
    };
    id.filter(|id| *id > 0).map(|id| id.to_string())
}

/// `parse` alone would take a plus sign.
fn digits(text: &str) -> Option<u64> {
    text.bytes()
        .all(|digit| digit.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn color(value: &Value) -> Option<i64> {
    let digits = value.as_str().and_then(|text| text.trim().strip_prefix('#'));
    let number = match digits {
        Some(digits) if digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
            i64::from_str_radix(digits, 16).ok()
        }
        Some(_) => None,
        None => integer(value),
    };
    number.filter(|number| (0..=0xff_ffff).contains(number))
}

fn elements(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(elements) => Some(elements.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

/// The form that paths have: the emoji itself, or `name:id`. Source: <https://docs.discord.com/developers/resources/message#create-reaction>.
fn emoji(text: &str) -> Option<String> {
    let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    let inner = inner.map_or(text, |inner| {
        inner
            .strip_prefix("a:")
            .or_else(|| inner.strip_prefix(':'))
            .unwrap_or(inner)
    });
    if let Some((name, id)) = inner.split_once(':') {
        let is_name =
            (1..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let id = digits(id).filter(|_| is_name && !id.is_empty())?;
        return Some(format!("{name}:{id}"));
    }
    // Every emoji of Unicode has a character beyond ASCII; the longest are families of a dozen characters.
    let is_unicode = !text.is_ascii() && text.chars().count() <= 16;
    let is_clean =
        !text.contains(|letter: char| letter.is_control() || letter.is_whitespace() || letter.is_alphabetic());
    (is_unicode && is_clean).then(|| text.to_owned())
}

/// The value for a message, without control characters.
fn quoted(value: &Value) -> String {
    match value {
        Value::Array(elements) => format!("a list of {}", elements.len()),
        Value::Object(_) => "a table".to_owned(),
        Value::Null => "nothing".to_owned(),
        Value::String(text) if text.chars().count() > QUOTED => {
            format!("a text of {} characters, `{}…`", text.chars().count(), shortened(text))
        }
        Value::String(text) => format!("`{}`", shortened(text)),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
    }
}

fn shortened(text: &str) -> String {
    let clean = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    clean.take(QUOTED).collect()
}

fn listed<T: fmt::Display>(words: &[T]) -> String {
    if words.is_empty() {
        return "none".to_owned();
    }
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
