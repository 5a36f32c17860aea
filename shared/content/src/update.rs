//! Changing rows of the narratives' tables.

use botticelli_narrative::{Filter, Row};
use serde_json::Value;
use sqlx::{PgConnection, types::Json};

use crate::{
    ReadError, ReadableTables,
    catalogue::Column,
    column_name::OURS,
    condition::{Statement, push_filter},
    matching::holds_nul,
    read::check_limit,
    readable::{Found, Home, find},
    store::definitions,
    time_limit::TimeLimit,
};

/// Which rows are changed, and how.
#[derive(Debug, Clone, Copy)]
pub struct Changes<'a> {
    /// A table of the schema of the narratives' tables.
    pub table: &'a str,
    /// Which rows; one that takes every row is refused.
    pub filter: &'a Filter,
    /// The new values, by column.
    pub values: &'a Row,
    /// The most rows that are changed, 1 to 1000: those with the smallest `id`.
    pub limit: u32,
}

/// Changes rows of a table of the narratives, also such as a job has taken, and says how many they were. It belongs into a
/// transaction; a statement gets 10 s.
///
/// # Errors
///
/// [`ReadError`]; of [`ReadError::NotChangeable`] when the table is another's, when there is no filter or nothing to change,
/// or when a column is one that every table has of its own.
pub async fn update_rows(connection: &mut PgConnection, changes: &Changes<'_>) -> Result<u64, ReadError> {
    check_limit(changes.limit)?;
    let failed = ReadError::while_doing("changed", changes.table);
    let time_limit = TimeLimit::set(connection).await.map_err(&failed)?;
    let outcome = change(connection, changes).await;
    // After a failure of the database the transaction is over, and its limits with it.
    if !matches!(outcome, Err(ReadError::Database { .. })) {
        time_limit.lift(connection).await.map_err(&failed)?;
    }
    outcome
}

async fn change(connection: &mut PgConnection, changes: &Changes<'_>) -> Result<u64, ReadError> {
    let found = find(connection, changes.table, &ReadableTables::default()).await?;
    check_changeable(&found, changes)?;
    let columns: Vec<&Column> = changes
        .values
        .keys()
        .map(|name| found.column(name))
        .collect::<Result<_, _>>()?;
    let assignments: Vec<String> = columns
        .iter()
        .map(|column| format!("{0} = given.{0}", column.quoted()))
        .collect();

    let mut statement = Statement::new("with open as materialized (select id from ");
    statement.push(&found.table.name).push(" where ");
    push_filter(&mut statement, &found, changes.filter)?;
    statement
        .push(" order by id limit ")
        .push_bind(i64::from(changes.limit));
    statement.push(" for update) update ").push(&found.table.name);
    statement.push(format_args!(
        " as changed set {} from open, jsonb_to_recordset(",
        assignments.join(", ")
    ));
    statement
        .push_bind(Json(vec![Value::Object(changes.values.clone())]))
        .push(format_args!(
            ") as given ({}) where changed.id = open.id",
            definitions(&columns)
        ));
    let done = statement.build().persistent(false).execute(connection).await;
    Ok(done
        .map_err(ReadError::while_doing("changed", changes.table))?
        .rows_affected())
}

fn check_changeable(found: &Found, changes: &Changes<'_>) -> Result<(), ReadError> {
    let own = |name: &String| found.table.is_ours && OURS.contains(&name.as_str());
    let fixed = changes
        .values
        .keys()
        .find(|name| own(name) || found.table.column(name).is_some_and(|column| column.is_generated));
    let reason = match found.home {
        Home::Fleet => "curation and posting move posts on".to_owned(),
        Home::Elsewhere => "narratives may only read it".to_owned(),
        Home::Content if !found.table.keeps_rows => "it is a view; name the table behind it".to_owned(),
        Home::Content if !found.table.has_key => format!(
            "no column `id` tells its rows apart; `alter table {} add id bigint generated always as identity primary key` \
             adds one",
            found.table.name
        ),
        Home::Content if changes.filter.condition.is_none() => {
            "it needs a filter; write which rows are meant".to_owned()
        }
        Home::Content if changes.values.is_empty() => {
            "nothing is to be changed; name a column and its value".to_owned()
        }
        Home::Content => match (fixed, changes.values.iter().find(|(_, value)| holds_nul(value))) {
            (Some(name), _) => format!("column `{name}` is filled when a row is stored; leave it out"),
            (None, Some((name, _))) => format!("the value for `{name}` holds the character NUL; leave that out"),
            (None, None) => return Ok(()),
        },
    };
    Err(ReadError::NotChangeable {
        table: found.called(),
        action: "changed",
        reason,
    })
}
