//! Places in a document.

use std::fmt;

/// A place in a document, for people: shown as `` `config/botticelli.toml`:12:3 ``.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The document's path, as it was given to the reader.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Location {
    /// The place of byte `offset` in `text`, which came from `path`.
    ///
    /// An offset behind the end means the end; one inside a character means that character's start.
    pub fn of(path: &str, text: &str, offset: usize) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`:{}:{}", self.path, self.line, self.column)
    }
}
