//! Where rows are to be stored, and in which shape.

use botticelli_narrative::Row;
use serde_json::Value;

use crate::{ReadableTables, StoreError, identifier::Identifier, table_name::FLEET_TABLES};

/// A table that a narrative's outputs become rows of. It is in the schema of the narratives' tables, and is made when it is
/// first needed.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The table.
    pub table: &'a str,
    /// Its columns, as far as they are known beforehand.
    pub shape: Shape<'a>,
}

/// What is known beforehand of a target's columns.
#[derive(Debug, Clone, Copy)]
pub enum Shape<'a> {
    /// Nothing: each property of the rows gets a column of the narrowest type for its values, which may be empty.
    Inferred,
    /// A JSON schema of an object, or of an array of objects. Of a table that is made by it, the columns of required
    /// properties are never empty.
    Declared(&'a Value),
    /// Another table that narratives may read, and whose columns and types it gets. They may all be empty.
    Like {
        /// That table.
        template: &'a str,
        /// What may be read besides the tables of narratives and the posts.
        readable: &'a ReadableTables,
    },
}

/// Where rows come from; it stands in each of them.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The job.
    pub run_id: i64,
    /// The narrative.
    pub narrative: &'a str,
    /// The act that replied with them.
    pub act: &'a str,
    /// The round of the carousel, from 1.
    pub iteration: u32,
    /// The model that replied.
    pub model: Option<&'a str>,
    /// What tells the prompt from others.
    pub prompt_hash: Option<&'a str>,
}

/// Rows of one origin for one target.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Where to.
    pub target: Target<'a>,
    /// The rows, from property to value.
    pub rows: &'a [Row],
    /// Where from.
    pub origin: Origin<'a>,
}

impl<'a> Target<'a> {
    /// Its name, if it is one for a table of narratives.
    pub(crate) fn name(&self) -> Result<Identifier<'a>, StoreError> {
        if FLEET_TABLES.contains(&self.table) {
            return Err(StoreError::FleetTable(self.table.to_owned()));
        }
        Identifier::plain(self.table).ok_or_else(|| StoreError::NotAName(self.table.to_owned()))
    }
}
