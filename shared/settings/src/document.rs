//! The settings file as text, for finding the place of a key.

use botticelli_toml_document::Location;
use toml::de::{DeTable, DeValue};

/// A settings file: its path as people know it, and its text.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Document {
    /// Where the value of `key` stands, or else the nearest section around it that is written down.
    pub(crate) fn location(&self, key: &[&str]) -> Location {
        let root = DeTable::parse(&self.text).ok();
        let offset = root.and_then(|root| offset_of(root.get_ref(), key)).unwrap_or(0);
        Location::of(&self.path, &self.text, offset)
    }
}

fn offset_of(table: &DeTable<'_>, key: &[&str]) -> Option<usize> {
    let (first, rest) = key.split_first()?;
    let (name, value) = table.iter().find(|(name, _)| name.get_ref() == first)?;
    match value.get_ref() {
        DeValue::Table(inner) => Some(offset_of(inner, rest).unwrap_or(name.span().start)),
        _ => Some(value.span().start),
    }
}
