//! Making targets, and giving them columns.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sqlx::PgConnection;

use crate::{
    Batch, Shape, StoreError, Target,
    catalogue::{MARK, Table},
    column_name::{OURS, column_of},
    column_type::{ColumnType, declared},
    identifier::{Identifier, list},
    matching::column_for,
    readable::find,
    schema::{ensure_schema, execute, grant_to_make, lock},
    table_name::TableName,
};

/// More columns than these nobody can survey, and what adds them is no design.
const MOST_COLUMNS: usize = 250;

/// A column that a target is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    /// The property, or the column of the template.
    property: String,
    kind: String,
    is_required: bool,
}

/// Makes a target unless it is there, and gives it the columns of its shape that it lacks. To be called in the transaction
/// that its first rows are stored in, or before.
///
/// # Errors
///
/// [`StoreError`]; of a table that was not made here, [`StoreError::NoColumn`] when it lacks a column of the shape.
pub async fn ensure_target(connection: &mut PgConnection, target: &Target<'_>) -> Result<(), StoreError> {
    target.name()?;
    ensure_schema(connection, target.table).await?;
    ensure(connection, &[*target], &[]).await.map(drop)
}

/// The table of these targets, all of one name, with a column for each property of their shapes and of `batches`.
pub(crate) async fn ensure(
    connection: &mut PgConnection,
    targets: &[Target<'_>],
    batches: &[Batch<'_>],
) -> Result<Table, StoreError> {
    let Some(called) = targets.first().map(|target| target.table) else {
        return Err(StoreError::NotAName(String::new()));
    };
    let name = TableName::of_content(called).ok_or_else(|| StoreError::NotAName(called.to_owned()))?;
    let failed = StoreError::while_doing("made", called);
    let mut wanted = Vec::new();
    for target in targets {
        wanted.extend(columns_of_shape(connection, target).await?);
    }
    let mut table = Table::find(connection, &name).await.map_err(failed)?;
    let lacks = match &table {
        None => true,
        Some(table) => !missing(table, &wanted, batches)?.is_empty(),
    };
    if lacks {
        // Somebody else may be at it; then it is there afterwards.
        lock(connection, &name.to_string()).await.map_err(failed)?;
        table = Table::find(connection, &name).await.map_err(failed)?;
    }
    let table = match table {
        Some(table) => table,
        None => make(connection, &name, &wanted).await?,
    };
    if !table.keeps_rows {
        return Err(StoreError::View(called.to_owned()));
    }
    let missing = missing(&table, &wanted, batches)?;
    if missing.is_empty() {
        return Ok(table);
    }
    let columns = table.columns.len() + missing.len();
    if columns > MOST_COLUMNS {
        return Err(StoreError::TooManyColumns {
            table: called.to_owned(),
            columns,
        });
    }
    let additions: Vec<String> = missing
        .iter()
        .map(|(column, kind)| format!("add column {} {kind}", quoted(column)))
        .collect();
    let statement = format!("alter table {name} {}", additions.join(", "));
    execute(connection, statement).await.map_err(|error| {
        if is_refusal(&error) {
            StoreError::NoPrivilege {
                action: format!("to add columns to table `{called}`"),
                grant: format!("alter table {name} {}", additions.join(", ")),
            }
        } else {
            failed(error)
        }
    })?;
    found(connection, &name).await
}

/// Makes the table with the columns that are wanted of it beforehand.
async fn make(connection: &mut PgConnection, name: &TableName, wanted: &[Wanted]) -> Result<Table, StoreError> {
    let called = name.table();
    let failed = StoreError::while_doing("made", called);
    if let Some(grant) = grant_to_make(connection).await.map_err(failed)? {
        return Err(StoreError::NoPrivilege {
            action: format!("to make table `{called}`"),
            grant,
        });
    }
    let mut columns: Vec<String> = Vec::new();
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for one in wanted {
        let column = column_name(called, &one.property)?;
        if let Some(other) = names.insert(column.clone(), &one.property) {
            if other == one.property {
                continue;
            }
            return Err(StoreError::SameColumn {
                table: called.to_owned(),
                one: other.to_owned(),
                other: one.property.clone(),
                column,
            });
        }
        let rule = if one.is_required { " not null" } else { "" };
        columns.push(format!(", {} {}{rule}", quoted(&column), one.kind));
    }
    if columns.len() + OURS.len() > MOST_COLUMNS {
        return Err(StoreError::TooManyColumns {
            table: called.to_owned(),
            columns: columns.len() + OURS.len(),
        });
    }
    let statement = format!(
        "create table {name} (
           id bigint generated always as identity primary key,
           run_id bigint,
           narrative text,
           act text,
           iteration integer,
           model text,
           prompt_hash text,
           created_at timestamptz not null default now(),
           pulled_at timestamptz,
           pulled_by bigint,
           pulled_for text{}
         );
         comment on table {name} is '{MARK} for what narratives say. With another comment it is given no more columns.';
         create index on {name} (id) where pulled_at is null;
         create index on {name} (pulled_by) where pulled_by is not null",
        columns.concat()
    );
    execute(connection, statement).await.map_err(failed)?;
    found(connection, name).await
}

/// The table, which was made or changed just now.
async fn found(connection: &mut PgConnection, name: &TableName) -> Result<Table, StoreError> {
    let failed = StoreError::while_doing("made", name.table());
    let table = Table::find(connection, name).await.map_err(failed)?;
    table.ok_or_else(|| failed(sqlx::Error::RowNotFound))
}

async fn columns_of_shape(connection: &mut PgConnection, target: &Target<'_>) -> Result<Vec<Wanted>, StoreError> {
    match target.shape {
        Shape::Inferred => Ok(Vec::new()),
        Shape::Declared(schema) => {
            let declared = declared(schema).ok_or_else(|| StoreError::NoRows(target.table.to_owned()))?;
            let wanted = declared.into_iter().map(|one| Wanted {
                property: one.property,
                kind: one.kind.to_string(),
                is_required: one.is_required,
            });
            Ok(wanted.collect())
        }
        Shape::Like { template, readable } => {
            let template = find(connection, template, readable)
                .await
                .map_err(|source| StoreError::Template {
                    target: target.table.to_owned(),
                    source,
                })?;
            // What every table has is no content of the template.
            let columns = template.table.columns.into_iter();
            let wanted = columns
                .filter(|column| !OURS.contains(&column.name.as_str()))
                .map(|column| Wanted {
                    property: column.name,
                    kind: column.declared,
                    is_required: false,
                });
            Ok(wanted.collect())
        }
    }
}

/// The columns that a table lacks, with their types; and that it may be given them.
fn missing(table: &Table, wanted: &[Wanted], batches: &[Batch<'_>]) -> Result<Vec<(String, String)>, StoreError> {
    let called = table.name.table();
    let mut missing: Vec<(String, String)> = Vec::new();
    let mut values: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    let mut unknown: Vec<&str> = Vec::new();
    for one in wanted.iter().filter(|one| column_for(table, &one.property).is_none()) {
        unknown.push(&one.property);
        let column = column_name(called, &one.property)?;
        if missing.iter().all(|(name, _)| *name != column) {
            missing.push((column, one.kind.clone()));
        }
    }
    for (property, value) in batches.iter().flat_map(|batch| batch.rows).flatten() {
        if column_for(table, property).is_none() {
            unknown.push(property);
            let column = column_name(called, property)?;
            if !values.contains_key(&column) && missing.iter().all(|(name, _)| *name != column) {
                missing.push((column.clone(), String::new()));
            }
            values.entry(column).or_default().push(value);
        }
    }
    if !table.is_ours && !unknown.is_empty() {
        let mut seen = BTreeSet::new();
        unknown.retain(|property| seen.insert(*property));
        let fillable = table.columns.iter().filter(|column| !column.is_generated);
        let columns: Vec<&str> = fillable.map(|column| column.name.as_str()).collect();
        return Err(StoreError::NoColumn {
            table: called.to_owned(),
            properties: list("", &unknown),
            columns: list(unknown[0], &columns),
        });
    }
    for (column, kind) in &mut missing {
        if kind.is_empty() {
            let of_column = values.get(column).map(Vec::as_slice).unwrap_or_default();
            *kind = ColumnType::of_values(of_column.iter().copied()).to_string();
        }
    }
    Ok(missing)
}

fn column_name(table: &str, property: &str) -> Result<String, StoreError> {
    column_of(property).ok_or_else(|| StoreError::NoName {
        table: table.to_owned(),
        property: property.to_owned(),
    })
}

/// A name of [`column_of`] for a statement.
fn quoted(column: &str) -> String {
    Identifier::plain(column).map_or_else(String::new, |name| name.to_string())
}

/// Whether the role of the process is not allowed to do it.
pub(crate) fn is_refusal(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|said| said.code().as_deref() == Some("42501"))
}
