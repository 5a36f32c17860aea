//! Why rows could not be read or changed.

use crate::identifier::shown;

/// Why rows could not be read, taken or changed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There is no such table, or none yet: a narrative's target comes about with its first rows.
    #[error("there is no table `{}`; the tables that narratives can read are {tables}", shown(.table))]
    NoSuchTable {
        /// The table asked for.
        table: String,
        /// The tables there are, the nearest first.
        tables: String,
    },
    /// The table is in a schema that is not for narratives, and is not on the list of those that are.
    #[error(
        "table `{}` is not one that narratives may read, which is for the settings to allow; the tables that they can read \
         are {tables}",
        shown(.table)
    )]
    NotAllowed {
        /// The table asked for.
        table: String,
        /// The tables there are, the nearest first.
        tables: String,
    },
    /// The role of the process may not read the table.
    #[error("table `{}` cannot be read by the role of this process; let its owner run `{grant}`", shown(.table))]
    NoPrivilege {
        /// The table asked for.
        table: String,
        /// The statement that allows it.
        grant: String,
    },
    /// The table has no such column.
    #[error("table `{}` has no column `{}`; its columns are {columns}", shown(.table), shown(.column))]
    NoSuchColumn {
        /// The table.
        table: String,
        /// The column asked for.
        column: String,
        /// The columns there are, the nearest first.
        columns: String,
    },
    /// More rows, or fewer, than may be asked for.
    #[error("{0} rows cannot be asked for; ask for 1 to 1000")]
    Limit(u32),
    /// The rows of this table cannot be taken or changed.
    #[error("rows of table `{}` cannot be {action}: {reason}", shown(.table))]
    NotChangeable {
        /// The table.
        table: String,
        /// What was to be done.
        action: &'static str,
        /// Why not, and what to do instead.
        reason: String,
    },
    /// The database refused or did not answer, for example because a value is not of the column's type.
    #[error("the rows of table `{}` could not be {action}", shown(.table))]
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

impl ReadError {
    pub(crate) fn reading(table: &str) -> impl Fn(sqlx::Error) -> Self + '_ {
        Self::while_doing("read", table)
    }

    pub(crate) fn while_doing<'a>(action: &'static str, table: &'a str) -> impl Fn(sqlx::Error) -> Self + 'a {
        move |source| Self::Database {
            table: table.to_owned(),
            action,
            source,
        }
    }
}
