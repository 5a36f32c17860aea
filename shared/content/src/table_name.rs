//! Where tables are: the schema of the narratives' tables, that of the fleet, and others that the settings name.

use std::fmt;

use botticelli_database::served_schema;

use crate::identifier::{Identifier, shown};

/// Tables of the fleet that a narrative may read: its posts, also by the names that narratives from elsewhere know.
pub(crate) const FLEET_TABLES: [&str; 5] = [
    "potential_posts",
    "approved_posts",
    "content_metadata",
    "potential_discord_posts",
    "approved_discord_posts",
];

/// A table with its schema: shown in quotes, as it stands in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableName {
    schema: String,
    table: String,
}

impl TableName {
    /// The table of that name in the schema of the narratives' tables; `None` when it is no name for one.
    pub(crate) fn of_content(table: &str) -> Option<Self> {
        Self::plain(&content_schema(), table)
    }

    /// The table of that name in the schema of the fleet.
    pub(crate) fn of_fleet(table: &str) -> Option<Self> {
        Self::plain(served_schema().as_str(), table)
    }

    fn plain(schema: &str, table: &str) -> Option<Self> {
        let named = Identifier::plain(schema).zip(Identifier::plain(table));
        named.map(|(schema, table)| Self {
            schema: schema.as_str().to_owned(),
            table: table.as_str().to_owned(),
        })
    }

    pub(crate) fn schema(&self) -> &str {
        &self.schema
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Identifier::of(&self.schema).zip(Identifier::of(&self.table));
        names.map_or(Err(fmt::Error), |(schema, table)| write!(formatter, "{schema}.{table}"))
    }
}

/// The schema of the narratives' tables: that of the fleet with `_content` behind its name.
pub(crate) fn content_schema() -> String {
    format!("{}_content", served_schema())
}

/// The tables of other schemas that narratives may read, by the choice of whoever runs the fleet; none unless chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadableTables(Vec<TableName>);

/// A text that does not name a table of a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` does not name a table that narratives may read; write `SCHEMA.TABLE` in lower-case letters, digits and `_`",
    shown(.0)
)]
pub struct TableNameError(String);

impl ReadableTables {
    /// The tables of these names, each `SCHEMA.TABLE`.
    ///
    /// # Errors
    ///
    /// [`TableNameError`] for the first text that is not of that form.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, TableNameError> {
        let parse = |name: &'a str| {
            let (schema, table) = name.split_once('.').unzip();
            schema
                .zip(table)
                .and_then(|(schema, table)| TableName::plain(schema, table))
                .ok_or_else(|| TableNameError(name.to_owned()))
        };
        names.into_iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// The table that is called `name`, if it is one of these.
    pub(crate) fn get(&self, name: &str) -> Option<&TableName> {
        let (schema, table) = name.split_once('.')?;
        self.0.iter().find(|one| one.schema == schema && one.table == table)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &TableName> {
        self.0.iter()
    }
}
