//! Reading rows of a table for a narrative.

use botticelli_database::begin;
use botticelli_narrative::{Row, TableQuery};
use sqlx::{Executor, PgConnection, PgPool, types::Json};

use crate::{
    ReadError, ReadableTables,
    catalogue::Column,
    condition::{Statement, push_filter, push_order},
    readable::{Found, Home, find},
};

/// What a read may do: look, and not for long. A narrative's author writes the filter.
const READ_ONLY: &str = "set transaction read only; set local statement_timeout = '10s'";

/// The most rows of one read.
const MOST_ROWS: u32 = 1000;

/// Columns that note who took a row. They are for no prompt, so only those who name them see them.
const OF_PULLS: [&str; 3] = ["pulled_at", "pulled_by", "pulled_for"];

/// The rows that `query` asks for, as objects with the columns in the order of the query, or else of the table.
///
/// It can ask for every table and view in the schema of the narratives' tables, the posts of the fleet, and what is
/// `readable` besides. Rows that a job has taken are left out. Names are looked up in the catalogue and put into quotes,
/// values are bound; the transaction is read only, and a statement gets 10 s. Times are those of the database's clock, and
/// days those of UTC. Whether the rows are to be taken is not asked: that is for [`pull_rows`](crate::pull_rows()).
///
/// # Errors
///
/// [`ReadError`].
pub async fn read_rows(pool: &PgPool, query: &TableQuery, readable: &ReadableTables) -> Result<Vec<Row>, ReadError> {
    let failed = ReadError::reading(&query.table);
    let mut transaction = begin(pool).await.map_err(&failed)?;
    transaction.execute(READ_ONLY).await.map_err(&failed)?;
    let found = find(&mut transaction, &query.table, readable).await?;
    let mut statement = Statement::new("select row_to_json(answer) from (select ");
    push_columns(&mut statement, &found, &query.columns)?;
    statement.push(" from ");
    push_source(&mut statement, &found, query)?;
    statement.push(") as answer");
    let rows = fetch(&mut transaction, statement).await.map_err(&failed)?;
    transaction.commit().await.map_err(&failed)?;
    Ok(rows)
}

/// Runs a statement whose one column are rows as objects.
pub(crate) async fn fetch(connection: &mut PgConnection, mut statement: Statement) -> Result<Vec<Row>, sqlx::Error> {
    // Under no name: each of them is another, and the table may change its shape.
    let rows: Vec<Json<Row>> = statement
        .build_query_scalar()
        .persistent(false)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|Json(row)| row).collect())
}

/// Writes the columns that are asked for.
pub(crate) fn push_columns(statement: &mut Statement, found: &Found, columns: &[String]) -> Result<(), ReadError> {
    let columns: Vec<&Column> = if columns.is_empty() {
        let all = found.table.columns.iter();
        all.filter(|column| found.home != Home::Content || !OF_PULLS.contains(&column.name.as_str()))
            .collect()
    } else {
        columns
            .iter()
            .map(|name| found.column(name))
            .collect::<Result<_, _>>()?
    };
    for (place, column) in columns.into_iter().enumerate() {
        if place > 0 {
            statement.push(", ");
        }
        statement.push(column.quoted());
    }
    Ok(())
}

/// Writes the table with the filter, the order and the bounds of a query.
fn push_source(statement: &mut Statement, found: &Found, query: &TableQuery) -> Result<(), ReadError> {
    let limit = row_limit(query)?;
    if query.sample.is_some() {
        statement.push("(select * from ");
    }
    statement.push(&found.table.name).push(" where ");
    if found.home == Home::Content && found.table.notes_pulls() {
        statement.push("pulled_at is null and ");
    }
    push_filter(statement, found, &query.filter)?;
    if query.sample.is_some() {
        statement.push(" order by random()");
        push_bounds(statement, limit, query.offset);
        statement.push(") as sample");
        return push_order(statement, found, &query.order_by);
    }
    push_order(statement, found, &query.order_by)?;
    push_bounds(statement, limit, query.offset);
    Ok(())
}

/// The most rows that a query may have.
pub(crate) fn row_limit(query: &TableQuery) -> Result<u32, ReadError> {
    for number in query.sample.into_iter().chain([query.limit]) {
        check_limit(number)?;
    }
    Ok(query.sample.map_or(query.limit, |sample| sample.min(query.limit)))
}

pub(crate) fn check_limit(number: u32) -> Result<(), ReadError> {
    if (1..=MOST_ROWS).contains(&number) {
        Ok(())
    } else {
        Err(ReadError::Limit(number))
    }
}

pub(crate) fn push_bounds(statement: &mut Statement, limit: u32, offset: u32) {
    statement.push(" limit ").push_bind(i64::from(limit));
    statement.push(" offset ").push_bind(i64::from(offset));
}
