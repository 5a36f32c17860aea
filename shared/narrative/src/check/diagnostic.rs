//! What is to be said about a narrative file.

use std::{fmt, ops::Range, sync::Arc};

use serde::Serialize;

/// A part of a narrative file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was given to the reader.
    pub path: Arc<str>,
    /// The bytes of its text.
    pub span: Range<usize>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`:{}:{}", self.path, self.line, self.column)
    }
}

/// How much a remark matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The narrative cannot be played.
    Error,
    /// It can, and probably not as its author wants.
    Warning,
    /// It can, and here is how it is understood.
    Note,
}

impl Severity {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One remark about a narrative file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What it is about.
    pub place: Place,
    /// How much it matters.
    pub severity: Severity,
    /// What kind of remark it is, for programs, such as `unknown-key`. Codes do not change their meaning.
    pub code: &'static str,
    /// What is the matter.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)?;
        match &self.help {
            Some(help) => write!(formatter, "; {help}"),
            None => Ok(()),
        }
    }
}
