//! A read of one table.

use super::{Filter, Order};

/// A read of one table, in parts: nothing of it is SQL text.
///
/// Column names are lower-case identifiers of at most 63 letters, digits and underscores; a table name is one of those, or
/// two with a dot between. Whether they exist, and whether a narrative may read them, is the reader's to say.
#[derive(Debug, Clone, PartialEq)]
pub struct TableQuery {
    /// The table.
    pub table: String,
    /// The columns in their order; empty means all.
    pub columns: Vec<String>,
    /// Which rows.
    pub filter: Filter,
    /// In which order; empty leaves it to the reader.
    pub order_by: Vec<Order>,
    /// The most rows to bring, 1 to 1000.
    pub limit: u32,
    /// How many rows to skip first.
    pub offset: u32,
    /// Only so many rows, 1 to 1000, picked at random among those of the filter; `order_by` sorts them afterwards.
    pub sample: Option<u32>,
    /// Whether the rows are taken: no other run gets them any more.
    pub pull: bool,
}

/// Whether `name` may stand for a column, or a table of the narratives.
pub(crate) fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && name.len() <= 63
}
