//! What stands in `[tables.NAME]`.

use serde::Deserialize;
use toml::Spanned;

/// A table read, also written directly in an input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableEntry {
    pub(crate) table_name: Spanned<String>,
    pub(crate) columns: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(rename = "where", alias = "where_clause")]
    pub(crate) filter: Option<Spanned<String>>,
    pub(crate) limit: Option<Spanned<i64>>,
    pub(crate) offset: Option<Spanned<i64>>,
    pub(crate) order_by: Option<Spanned<String>>,
    pub(crate) format: Option<Spanned<String>>,
    pub(crate) sample: Option<Spanned<i64>>,
    pub(crate) alias: Option<Spanned<String>>,
    pub(crate) pull_and_delete: Option<Spanned<bool>>,
    pub(crate) required: Option<Spanned<bool>>,
    pub(crate) history_retention: Option<Spanned<String>>,
}
