//! One thing that is wrong in the settings, and the collection of all of them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use botticelli_toml_document::{Location, TomlError};

use crate::document::Document;
use crate::keys::KeyPath;

/// Where the author of a problem has to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the settings file.
    File(Location),
    /// In this environment variable.
    Variable(String),
}

impl Place {
    /// The order in which places are told: the file from its beginning, then the environment.
    pub(crate) fn order(&self) -> (bool, usize, usize) {
        match self {
            Self::File(location) => (false, location.line, location.column),
            Self::Variable(_) => (true, 0, 0),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(location) => location.fmt(f),
            Self::Variable(name) => write!(f, "environment variable `{name}`"),
        }
    }
}

/// One thing that is wrong: where, which key, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsProblem {
    /// Where the value came from.
    pub place: Place,
    /// The dotted key, such as `queue.lease`; `None` when no key is meant.
    pub key: Option<String>,
    /// What is wrong and the way out; more than one line for a schedule.
    pub text: String,
}

impl From<TomlError> for SettingsProblem {
    fn from(mistake: TomlError) -> Self {
        Self {
            place: Place::File(mistake.location().clone()),
            key: None,
            text: mistake.detail(),
        }
    }
}

impl fmt::Display for SettingsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, key, text } = self;
        match key {
            Some(key) => write!(f, "{place}: key `{key}`: {text}"),
            None => write!(f, "{place}: {text}"),
        }
    }
}

/// Collects problems and finds the place of each.
pub(crate) struct Report<'a> {
    document: &'a Document,
    /// The variable that set a key, where one did.
    overridden: &'a BTreeMap<KeyPath, String>,
    problems: Vec<SettingsProblem>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(document: &'a Document, overridden: &'a BTreeMap<KeyPath, String>) -> Self {
        Self {
            document,
            overridden,
            problems: Vec::new(),
        }
    }

    /// Adds a problem of the value of `key`.
    pub(crate) fn add(&mut self, key: &[&str], text: impl Into<String>) {
        let path = key.iter().map(|&part| part.to_owned()).collect::<KeyPath>();
        let place = match self.overridden.get(&path) {
            Some(variable) => Place::Variable(variable.clone()),
            None => Place::File(self.document.location(key)),
        };
        self.problems.push(SettingsProblem {
            place,
            key: Some(path.join(".")),
            text: text.into(),
        });
    }

    /// Adds a problem when `duration` is zero.
    pub(crate) fn positive(&mut self, key: &[&str], duration: Duration) {
        if duration.is_zero() {
            self.add(key, "the duration must be longer than zero");
        }
    }

    /// Adds a problem when `url` is no web address, or holds a password; the address itself is not repeated.
    pub(crate) fn web_address(&mut self, key: &[&str], url: &str) {
        let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
            self.add(key, "the address does not begin with `http://` or `https://`");
            return;
        };
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.is_empty() {
            self.add(key, "the address names no host");
        }
        if authority.contains('@') {
            self.add(
                key,
                "the address holds a user or password; addresses are shown in the settings, so remove it",
            );
        }
    }

    pub(crate) fn into_problems(self) -> Vec<SettingsProblem> {
        self.problems
    }
}
