//! Storing what narratives say as rows of their targets.

use std::collections::BTreeMap;

use botticelli_narrative::Row;
use serde_json::Value;
use sqlx::{Acquire, PgConnection, PgPool, types::Json};

use crate::{
    Batch, BatchError, Origin, StoreError, Target,
    catalogue::{Column, Table},
    condition::Statement,
    ensure::{ensure, is_refusal},
    matching::{Fitted, fit},
    misfit::locate,
    schema::{ensure_schema, execute, grant_to_insert},
    table_name::TableName,
};

/// Stores rows of one origin in a target, as [`store_batches`] does. How many they are.
///
/// # Errors
///
/// [`StoreError`].
pub async fn store_rows(
    connection: &mut PgConnection,
    target: &Target<'_>,
    rows: &[Row],
    origin: &Origin<'_>,
) -> Result<u64, StoreError> {
    let batch = Batch {
        target: *target,
        rows,
        origin: *origin,
    };
    store_batches(connection, &[batch])
        .await
        .map_err(|refused| refused.error)
}

/// Why these rows cannot be stored as their target is now, if they cannot; nothing is stored. Anything can be stored in one that is not
/// there yet.
///
/// # Errors
///
/// [`StoreError::Database`] when the database does not answer.
pub async fn try_rows(pool: &PgPool, batch: &Batch<'_>) -> Result<Option<StoreError>, StoreError> {
    let failed = StoreError::while_doing("tried", batch.target.table);
    let mut transaction = botticelli_database::transaction(pool).await.map_err(failed)?;
    batch.target.name()?;
    let found = match TableName::of_content(batch.target.table) {
        Some(name) => Table::find(&mut transaction, &name).await.map_err(failed)?,
        None => None,
    };
    let stored = match found {
        Some(_) => store_batches(&mut transaction, &[*batch]).await.map(drop),
        None => Ok(()),
    };
    transaction.rollback().await.map_err(failed)?;
    match stored {
        Ok(()) => Ok(None),
        Err(BatchError {
            error: error @ StoreError::Database { .. },
            ..
        }) => Err(error),
        Err(refused) => Ok(Some(refused.error)),
    }
}

/// Stores rows in their targets, all or nothing, and makes the targets and columns that there are not. How many rows they are.
///
/// It belongs into the transaction that completes the job, behind whatever locks the job there, and gets everything that the
/// transaction stores in one call: targets are locked in the order of their names, so that transactions that store in the same
/// ones do not wait for each other in a circle.
///
/// A property is stored in the column of its name, or else of its name in lower snake case, or else of its name in another
/// case. A table that was made here gets a column for a property that has none: in lower snake case, with a `_` behind it
/// where the table has a column of its own by that name (`id`, `run_id`, `narrative`, `act`, `iteration`, `model`,
/// `prompt_hash`, `created_at`, `pulled_at`, `pulled_by`, `pulled_for`). A table of somebody else gets no columns, and
/// nothing but the properties. Values are read from their JSON as `jsonb_to_recordset` does: a column of texts takes
/// anything, and a text fits where the type reads it. A property that is missing is null, or what the column has by default.
///
/// # Errors
///
/// [`BatchError`], which tells the batch, and names the row and the property that is at fault where there is one.
pub async fn store_batches(connection: &mut PgConnection, batches: &[Batch<'_>]) -> Result<u64, BatchError> {
    let of = |batch| move |error| BatchError { batch, error };
    let mut by_target: BTreeMap<&str, Vec<(usize, Batch<'_>)>> = BTreeMap::new();
    for (number, batch) in batches.iter().enumerate() {
        batch.target.name().map_err(of(number))?;
        by_target.entry(batch.target.table).or_default().push((number, *batch));
    }
    let Some((first, _)) = by_target.first_key_value() else {
        return Ok(0);
    };
    ensure_schema(connection, first).await.map_err(of(0))?;
    let mut stored = 0;
    for batches in by_target.values() {
        let table = ensure_for(connection, batches).await?;
        for (number, batch) in batches {
            stored += insert(connection, &table, batch).await.map_err(of(*number))?;
        }
    }
    Ok(stored)
}

/// The table of these batches, with everything that it needs for all of them before the first is put in.
async fn ensure_for(connection: &mut PgConnection, batches: &[(usize, Batch<'_>)]) -> Result<Table, BatchError> {
    let (targets, all): (Vec<Target<'_>>, Vec<Batch<'_>>) =
        batches.iter().map(|(_, batch)| (batch.target, *batch)).unzip();
    let error = match ensure(connection, &targets, &all).await {
        Ok(table) => return Ok(table),
        Err(error) => error,
    };
    let first = batches.first().map_or(0, |(number, _)| *number);
    // Behind a statement that failed nothing more can be asked.
    if !matches!(error, StoreError::Database { .. } | StoreError::NoPrivilege { .. }) {
        for (number, batch) in batches {
            if let Err(error) = ensure(connection, &[batch.target], &[*batch]).await {
                return Err(BatchError { batch: *number, error });
            }
        }
    }
    Err(BatchError { batch: first, error })
}

async fn insert(connection: &mut PgConnection, table: &Table, batch: &Batch<'_>) -> Result<u64, StoreError> {
    let rows: Vec<Fitted<'_>> = (1..)
        .zip(batch.rows)
        .map(|(number, row)| fit(table, number, row, &batch.origin))
        .collect::<Result<_, _>>()?;
    for rows in rows.chunk_by(|one, next| leave_out_the_same(table, one, next)) {
        let failed = StoreError::while_doing("filled", table.name.table());
        let mut savepoint = connection.begin().await.map_err(failed)?;
        match insert_alike(&mut savepoint, table, rows).await {
            Ok(()) => savepoint.commit().await.map_err(failed)?,
            Err(error) => {
                savepoint.rollback().await.map_err(failed)?;
                return Err(why(connection, table, rows, error).await);
            }
        }
    }
    Ok(rows.len().try_into().unwrap_or(u64::MAX))
}

/// What stood against the rows.
async fn why(connection: &mut PgConnection, table: &Table, rows: &[Fitted<'_>], error: sqlx::Error) -> StoreError {
    let failed = StoreError::while_doing("filled", table.name.table());
    if is_refusal(&error) {
        return match grant_to_insert(connection, &table.name).await {
            Ok(grant) => StoreError::NoPrivilege {
                action: format!("to put rows into table `{}`", table.name.table()),
                grant,
            },
            Err(error) => failed(error),
        };
    }
    match locate(connection, table, rows).await {
        Ok(Some(found)) => found,
        Ok(None) => failed(error),
        Err(error) => failed(error),
    }
}

/// Whether two rows leave the same columns to their defaults, so that one statement is right for both.
fn leave_out_the_same(table: &Table, one: &Fitted<'_>, next: &Fitted<'_>) -> bool {
    let mut defaults = table.columns.iter().filter(|column| column.has_default);
    defaults.all(|column| one.value(column).is_some() == next.value(column).is_some())
}

/// Inserts rows that leave the same columns to their defaults.
pub(crate) async fn insert_alike(
    connection: &mut PgConnection,
    table: &Table,
    rows: &[Fitted<'_>],
) -> Result<(), sqlx::Error> {
    let says = |column: &&Column| rows.iter().any(|row| row.value(column).is_some());
    let columns: Vec<&Column> = table.columns.iter().filter(says).collect();
    if columns.is_empty() {
        // There are rows of defaults alone only one by one.
        for _ in rows {
            let statement = format!("insert into {} default values", table.name);
            execute(connection, statement).await?;
        }
        return Ok(());
    }
    let names: Vec<String> = columns.iter().map(|column| column.quoted()).collect();
    let objects: Vec<Value> = rows.iter().map(Fitted::object).collect();
    let mut statement = Statement::new("insert into ");
    statement
        .push(&table.name)
        .push(format_args!(
            " ({0}) select {0} from jsonb_to_recordset(",
            names.join(", ")
        ))
        .push_bind(Json(objects))
        .push(format_args!(") as given ({})", definitions(&columns)));
    statement.build().persistent(false).execute(connection).await.map(drop)
}

/// Columns with their types, as `jsonb_to_recordset` wants to be told them.
pub(crate) fn definitions(columns: &[&Column]) -> String {
    let definitions: Vec<String> = columns
        .iter()
        .map(|column| format!("{} {}", column.quoted(), column.declared))
        .collect();
    definitions.join(", ")
}
