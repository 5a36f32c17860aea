//! Reading posts as a table, for narratives that ask for rows.

use botticelli_database::{sessionless, sql};
use serde_json::{Map, Value};
use sqlx::{PgPool, Postgres, QueryBuilder};

/// The tables that a narrative may read.
const READABLE: [&str; 3] = ["potential_posts", "approved_posts", "content_metadata"];

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestOp {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `like`
    Like,
    /// `is null`
    IsNull,
    /// `is not null`
    IsNotNull,
}

impl TestOp {
    fn as_sql(self) -> &'static str {
        match self {
            Self::Equal => " = ",
            Self::NotEqual => " <> ",
            Self::Less => " < ",
            Self::AtMost => " <= ",
            Self::Greater => " > ",
            Self::AtLeast => " >= ",
            Self::Like => " like ",
            Self::IsNull => " is null",
            Self::IsNotNull => " is not null",
        }
    }
}

/// One condition; all conditions of a request must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// The column.
    pub column: String,
    /// How it is compared.
    pub op: TestOp,
    /// What with, as text; ignored by the null tests.
    pub value: String,
}

/// Which rows to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableRequest {
    /// One of the tables of this room.
    pub table: String,
    /// The columns, in order; empty for all.
    pub columns: Vec<String>,
    /// The conditions.
    pub tests: Vec<Test>,
    /// The order: column, and whether descending.
    pub order_by: Vec<(String, bool)>,
    /// The most rows.
    pub limit: Option<u32>,
    /// Rows to pass over.
    pub offset: Option<u32>,
}

/// Why the rows could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadTableError {
    /// The table is not one that a narrative may read.
    #[error(
        "table `{0}` cannot be read by a narrative; the tables are `potential_posts`, `approved_posts` and `content_metadata`"
    )]
    Table(String),
    /// The table has no such column.
    #[error("table `{table}` has no column `{column}`; its columns are {columns}")]
    Column {
        /// The table.
        table: String,
        /// The column asked for.
        column: String,
        /// The columns there are.
        columns: String,
    },
    /// The database refused or did not answer, for example because a value is not of the column's type.
    #[error("the rows of table `{table}` could not be read")]
    Read {
        /// The table.
        table: String,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
}

/// Reads rows as objects by column, in the order of [`TableRequest::columns`].
///
/// Table and columns are checked against the catalogue and quoted; values are bound as parameters.
///
/// # Errors
///
/// [`ReadTableError`].
pub async fn read_table(pool: &PgPool, request: &TableRequest) -> Result<Vec<Map<String, Value>>, ReadTableError> {
    let table = request.table.as_str();
    if !READABLE.contains(&table) {
        return Err(ReadTableError::Table(table.to_owned()));
    }
    let failed = |source| ReadTableError::Read {
        table: table.to_owned(),
        source,
    };
    let catalogue: Vec<(String, String)> = sqlx::query_as(sql(
        "select column_name::text, udt_name::text from information_schema.columns
         where table_schema = 'botticelli' and table_name = $1 order by ordinal_position",
    ))
    .bind(table)
    .fetch_all(sessionless(pool))
    .await
    .map_err(failed)?;
    let type_of = |column: &str| {
        catalogue
            .iter()
            .find(|(name, _)| name == column)
            .map(|(_, udt)| udt.as_str())
            .ok_or_else(|| ReadTableError::Column {
                table: table.to_owned(),
                column: column.to_owned(),
                columns: catalogue
                    .iter()
                    .map(|(name, _)| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    };

    let mut query = QueryBuilder::<Postgres>::new("select to_jsonb(row) from (select ");
    if request.columns.is_empty() {
        query.push("*");
    }
    for (position, column) in request.columns.iter().enumerate() {
        type_of(column)?;
        query
            .push(if position == 0 { "\"" } else { ", \"" })
            .push(column)
            .push("\"");
    }
    query.push(sql(" from botticelli.\"")).push(table).push("\"");
    for (position, test) in request.tests.iter().enumerate() {
        let udt = type_of(&test.column)?;
        query
            .push(if position == 0 { " where \"" } else { " and \"" })
            .push(&test.column)
            .push("\"");
        if test.op == TestOp::Like {
            query.push("::text");
        }
        query.push(test.op.as_sql());
        match test.op {
            TestOp::IsNull | TestOp::IsNotNull => {}
            TestOp::Like => drop(query.push_bind(test.value.as_str())),
            _ => drop(query.push_bind(test.value.as_str()).push("::text::").push(udt)),
        }
    }
    for (position, (column, descending)) in request.order_by.iter().enumerate() {
        type_of(column)?;
        query
            .push(if position == 0 { " order by \"" } else { ", \"" })
            .push(column);
        query.push(if *descending { "\" desc" } else { "\"" });
    }
    query.push(" limit ").push_bind(i64::from(request.limit.unwrap_or(100)));
    query.push(" offset ").push_bind(i64::from(request.offset.unwrap_or(0)));
    query.push(") as row");

    let rows: Vec<Value> = query
        .build_query_scalar()
        .fetch_all(sessionless(pool))
        .await
        .map_err(failed)?;
    let names = || -> Box<dyn Iterator<Item = &String>> {
        if request.columns.is_empty() {
            Box::new(catalogue.iter().map(|(name, _)| name))
        } else {
            Box::new(request.columns.iter())
        }
    };
    // jsonb does not keep the order of keys; the request's order is what a reader expects.
    Ok(rows
        .into_iter()
        .map(|mut row| {
            names()
                .filter_map(|name| Some((name.clone(), row.get_mut(name)?.take())))
                .collect()
        })
        .collect())
}
