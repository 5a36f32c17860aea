//! Finding the row and the value for which the database refused rows.

use sqlx::{Acquire, PgConnection, types::Json};

use crate::{
    StoreError,
    catalogue::Table,
    condition::Statement,
    matching::{Fitted, misfit},
    store::{definitions, insert_alike},
};

/// The first of the rows that the table refuses, after those before it, and why; `None` when it refuses none of them, which
/// then were not at fault. Nothing is stored by it.
pub(crate) async fn locate(
    connection: &mut PgConnection,
    table: &Table,
    rows: &[Fitted<'_>],
) -> Result<Option<StoreError>, sqlx::Error> {
    let mut trial = connection.begin().await?;
    let mut found = None;
    for row in rows {
        let mut one = trial.begin().await?;
        match insert_alike(&mut one, table, std::slice::from_ref(row)).await {
            Ok(()) => one.commit().await?,
            Err(error) => {
                one.rollback().await?;
                let detail = said(error)?;
                let of_value = misfit_of(&mut trial, table, row).await?;
                found = Some(of_value.unwrap_or_else(|| StoreError::Refused {
                    table: table.name.table().to_owned(),
                    row: row.number,
                    detail,
                }));
                break;
            }
        }
    }
    trial.rollback().await?;
    Ok(found)
}

/// The first value of a row that is none of its column's type.
async fn misfit_of(
    connection: &mut PgConnection,
    table: &Table,
    row: &Fitted<'_>,
) -> Result<Option<StoreError>, sqlx::Error> {
    for (column, property) in row.columns() {
        let mut one = connection.begin().await?;
        let mut statement = Statement::new("select from jsonb_to_recordset(");
        statement
            .push_bind(Json(vec![row.object()]))
            .push(format_args!(") as given ({})", definitions(&[column])));
        let read = statement.build().persistent(false).execute(&mut *one).await;
        one.rollback().await?;
        if let Err(error) = read {
            return Ok(Some(misfit(table, row.number, column, property, &said(error)?)));
        }
    }
    Ok(None)
}

/// What the database says against it; the error itself when it is not about the row.
fn said(error: sqlx::Error) -> Result<String, sqlx::Error> {
    match error.as_database_error() {
        // Data, constraints, depth, and types that JSON cannot be: PostgreSQL documentation, appendix A.
        Some(said)
            if said
                .code()
                .is_some_and(|code| matches!(&code[..2], "22" | "23" | "42" | "54")) =>
        {
            Ok(said.message().to_owned())
        }
        _ => Err(error),
    }
}
