//! Taking rows of a table, so that each is worked on once.
//!
//! Nothing is deleted by it: a row notes when it was taken (`pulled_at`), by which job (`pulled_by`) and for which of the
//! job's reads (`pulled_for`).

use botticelli_database::sql;
use botticelli_narrative::{Row, TableQuery};
use sqlx::PgConnection;

use crate::{
    ReadError, ReadableTables,
    condition::{Statement, push_filter, push_order},
    read::{fetch, push_bounds, push_columns, row_limit},
    readable::{Found, Home, find},
    table_name::content_schema,
    time_limit::TimeLimit,
};

/// Who takes rows, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Puller<'a> {
    /// The job. The same job gets the same rows again, in whatever attempt.
    pub job: i64,
    /// The step of the job that reads. Another step of the same job gets other rows, also by the same query.
    pub step: &'a str,
}

/// Takes the rows that `query` asks for. Nobody else is given them afterwards; only `puller` gets the same ones again when
/// it asks the same again, so that a run that is resumed sees what it saw.
///
/// Rows that others are taking at the moment are passed over. It belongs into a transaction in which the job's lease is held,
/// and is done when that is committed. A statement gets 10 s.
///
/// # Errors
///
/// [`ReadError`]; of [`ReadError::NotChangeable`] when the table is not one of the schema of the narratives' tables, or
/// lacks what is needed to tell who took a row.
pub async fn pull_rows(
    connection: &mut PgConnection,
    query: &TableQuery,
    puller: Puller<'_>,
) -> Result<Vec<Row>, ReadError> {
    let failed = ReadError::while_doing("taken", &query.table);
    let time_limit = TimeLimit::set(connection).await.map_err(&failed)?;
    let rows = take(connection, query, puller).await;
    // After a failure of the database the transaction is over, and its limits with it.
    if !matches!(rows, Err(ReadError::Database { .. })) {
        time_limit.lift(connection).await.map_err(&failed)?;
    }
    rows
}

async fn take(connection: &mut PgConnection, query: &TableQuery, puller: Puller<'_>) -> Result<Vec<Row>, ReadError> {
    let failed = ReadError::while_doing("taken", &query.table);
    let found = find(connection, &query.table, &ReadableTables::default()).await?;
    check_pullable(&found)?;
    let (limit, key) = (row_limit(query)?, key(query, puller));

    let mut seen = Statement::new("select row_to_json(answer) from (select ");
    push_columns(&mut seen, &found, &query.columns)?;
    seen.push(" from ").push(&found.table.name).push(" where ");
    push_taken_by(&mut seen, puller, &key);
    push_sorted(&mut seen, &found, query)?;
    seen.push(") as answer");
    let rows = fetch(connection, seen).await.map_err(&failed)?;
    if !rows.is_empty() {
        return Ok(rows);
    }

    let mut taking = Statement::new("with open as materialized (select id from ");
    taking.push(&found.table.name).push(" where pulled_at is null and ");
    push_filter(&mut taking, &found, &query.filter)?;
    if query.sample.is_some() {
        taking.push(" order by random()");
    } else {
        push_sorted(&mut taking, &found, query)?;
    }
    push_bounds(&mut taking, limit, query.offset);
    taking.push(" for update skip locked), taken as (update ");
    taking
        .push(&found.table.name)
        .push(" as taken set pulled_at = now(), pulled_by = ");
    taking.push_bind(puller.job).push(", pulled_for = ");
    push_digest(&mut taking, &key);
    taking.push(" from open where taken.id = open.id returning taken.*) select row_to_json(answer) from (select ");
    push_columns(&mut taking, &found, &query.columns)?;
    taking.push(" from taken");
    push_sorted(&mut taking, &found, query)?;
    taking.push(") as answer");
    fetch(connection, taking).await.map_err(&failed)
}

/// Gives back what a job took, of whichever tables, so that others get it: for a job that was given up. How many rows they
/// are. Tables whose rows this role may not change are left alone, and so is one that fails: the scheduler's maintenance
/// comes back to it.
///
/// # Errors
///
/// [`ReadError`] when the database does not answer.
pub async fn give_back(connection: &mut PgConnection, job: i64) -> Result<u64, ReadError> {
    let given: i64 = sqlx::query_scalar(sql("select botticelli.give_back_pulled(array[$1::bigint])"))
        .bind(job)
        .fetch_one(connection)
        .await
        .map_err(|source| ReadError::while_doing("given back", &format!("{}.*", content_schema()))(source))?;
    Ok(given.cast_unsigned())
}

/// Whether rows of a table can be taken.
pub(crate) fn check_pullable(found: &Found) -> Result<(), ReadError> {
    let table = &found.table;
    let reason = if found.home == Home::Fleet {
        "curation and posting move posts on, so that each is decided on and published once; read them without `pull_and_delete`"
            .to_owned()
    } else if found.home == Home::Elsewhere {
        "others write it, and narratives may only read it; read it without `pull_and_delete`".to_owned()
    } else if !table.keeps_rows {
        "it is a view; read it without `pull_and_delete`, or pull from the table behind it".to_owned()
    } else {
        let kinds = [
            ("pulled_at", "timestamp with time zone"),
            ("pulled_by", "bigint"),
            ("pulled_for", "text"),
        ];
        let lacks = kinds
            .iter()
            .any(|(name, kind)| table.column(name).is_none_or(|column| column.compared != *kind));
        if table.has_key && !lacks {
            return Ok(());
        }
        format!(
            "it lacks what tells who took a row; `alter table {} add id bigint generated always as identity primary key, add \
             pulled_at timestamptz, add pulled_by bigint, add pulled_for text` adds it",
            table.name
        )
    };
    Err(ReadError::NotChangeable {
        table: found.called(),
        action: "taken",
        reason,
    })
}

/// What tells one read of a job from another.
fn key(query: &TableQuery, puller: Puller<'_>) -> String {
    let order: Vec<String> = query.order_by.iter().map(ToString::to_string).collect();
    let TableQuery {
        filter,
        limit,
        offset,
        sample,
        ..
    } = query;
    // Not the columns: what is shown of a row does not make it another. A NUL is in no filter and no name.
    let parts = [
        puller.step.to_owned(),
        filter.to_string(),
        order.join(", "),
        limit.to_string(),
        offset.to_string(),
        sample.map_or_else(String::new, |sample| sample.to_string()),
    ];
    parts.join("\n").replace('\0', "\\0")
}

fn push_digest(statement: &mut Statement, key: &str) {
    statement
        .push("encode(sha256(convert_to(")
        .push_bind(key.to_owned())
        .push(", 'UTF8')), 'hex')");
}

fn push_taken_by(statement: &mut Statement, puller: Puller<'_>, key: &str) {
    statement.push("pulled_by = ").push_bind(puller.job);
    statement.push(" and pulled_for = ");
    push_digest(statement, key);
}

/// Writes the order that is asked for, or else that of the rows' coming.
fn push_sorted(statement: &mut Statement, found: &Found, query: &TableQuery) -> Result<(), ReadError> {
    if query.order_by.is_empty() {
        statement.push(" order by id");
        return Ok(());
    }
    push_order(statement, found, &query.order_by)
}
