//! Why rows could not be stored.

use std::{error::Error, fmt};

use crate::{ReadError, identifier::shown};

/// Why rows could not be stored. Of this call nothing is; the transaction is the caller's to give up.
///
/// Rows count from 1, in the order in which they were given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The table is one of the fleet's own.
    #[error("table `{0}` belongs to the fleet: a generation actor stores posts there; name another `target`")]
    FleetTable(String),
    /// No table is called so.
    #[error(
        "`{}` is no name for a target; use lower-case letters, digits and `_`, at most 63, and no digit first",
        shown(.0)
    )]
    NotAName(String),
    /// The target is no table that rows can be put into.
    #[error("target `{0}` is a view; name a table, or a new name")]
    View(String),
    /// The schema for the tables of narratives is that of another fleet.
    #[error(
        "schema `{0}` holds another fleet, and the tables of narratives cannot be there; give that fleet another `[server] \
         schema`"
    )]
    OtherFleet(String),
    /// The role of the process may not do it.
    #[error("{action} is not allowed to the role of this process; let the owner run `{grant}`")]
    NoPrivilege {
        /// What is not allowed.
        action: String,
        /// The statement that allows it.
        grant: String,
    },
    /// The schema describes no rows.
    #[error("the schema of target `{0}` describes neither an object nor an array of objects; give it `properties`")]
    NoRows(String),
    /// The table that is the template cannot be read.
    #[error("the template of target `{target}` cannot be used")]
    Template {
        /// The target.
        target: String,
        /// Why not.
        #[source]
        source: ReadError,
    },
    /// A property's name holds nothing that a column could be called.
    #[error(
        "property `{}` for table `{table}` has no letter of a-z and no digit to name a column with; name it otherwise in the schema",
        shown(.property)
    )]
    NoName {
        /// The table.
        table: String,
        /// The property.
        property: String,
    },
    /// Two properties would be the same column.
    #[error(
        "properties `{}` and `{}` would both be column `{column}` of table `{table}`; keep one of them",
        shown(.one),
        shown(.other)
    )]
    SameColumn {
        /// The table.
        table: String,
        /// The first property.
        one: String,
        /// The second one.
        other: String,
        /// The column.
        column: String,
    },
    /// The table was not made here, so it gets no columns, and it has none for these properties.
    #[error(
        "table `{table}`, which was not made by Botticelli, has no column for {properties}; add one, or leave that out of the \
         schema; its columns are {columns}"
    )]
    NoColumn {
        /// The table.
        table: String,
        /// The properties.
        properties: String,
        /// The columns that can be filled, the nearest first.
        columns: String,
    },
    /// The values of a column are the database's own business.
    #[error("property `{property}` cannot be stored: the database itself fills column `{column}` of table `{table}`")]
    Generated {
        /// The table.
        table: String,
        /// The property.
        property: String,
        /// The column.
        column: String,
    },
    /// The table would get more columns than anybody can survey.
    #[error(
        "table `{table}` would have {columns} columns, more than 250: its rows have ever new properties; give the act a \
         schema, and put what varies into one property"
    )]
    TooManyColumns {
        /// The table.
        table: String,
        /// How many it would have.
        columns: usize,
    },
    /// A row lacks a value that every row of the table has.
    #[error(
        "row {row} has nothing for column `{column}` of table `{table}`, where every row has a value; let the schema require it"
    )]
    Missing {
        /// The table.
        table: String,
        /// The row.
        row: usize,
        /// The column.
        column: String,
    },
    /// A value is none of its column's type.
    #[error(transparent)]
    Misfit(Box<Misfit>),
    /// A row breaks a rule of the table.
    #[error("row {row} is refused by table `{table}`: {detail}")]
    Refused {
        /// The table.
        table: String,
        /// The row.
        row: usize,
        /// What the database says.
        detail: String,
    },
    /// The database refused or did not answer.
    #[error("table `{table}` could not be {action}")]
    Database {
        /// The table.
        table: String,
        /// What was to be done.
        action: &'static str,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
}

/// Why several batches could not be stored, and which of them is at fault: as the error of that one.
#[derive(Debug)]
pub struct BatchError {
    /// The place of the batch among those that were given, from 0.
    pub batch: usize,
    /// Why it could not be stored.
    pub error: StoreError,
}

impl fmt::Display for BatchError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(formatter)
    }
}

impl Error for BatchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// A value that is none of its column's type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "row {row}: property `{}` does not fit into column `{column}` of table `{table}`, which is {kind}: {detail}",
    shown(.property)
)]
pub struct Misfit {
    /// The table.
    pub table: String,
    /// The row, from 1.
    pub row: usize,
    /// The property.
    pub property: String,
    /// The column.
    pub column: String,
    /// The column's type.
    pub kind: String,
    /// What the database says.
    pub detail: String,
}

impl StoreError {
    pub(crate) fn while_doing<'a>(action: &'static str, table: &'a str) -> impl Fn(sqlx::Error) -> Self + Copy + 'a {
        move |source| Self::Database {
            table: table.to_owned(),
            action,
            source,
        }
    }
}
