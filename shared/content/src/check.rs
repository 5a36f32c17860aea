//! Finding what is wrong with a read before it is made.

use botticelli_database::begin;
use botticelli_narrative::{Condition, TableQuery, Test};
use sqlx::{Acquire, Executor, PgConnection, PgPool};

use crate::{
    ReadError, ReadableTables,
    condition::{Statement, push_one_order, push_test},
    pull::check_pullable,
    read::row_limit,
    readable::{Found, find},
};

/// Something that is wrong with a read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mistake {
    /// Where in the query it is.
    pub part: QueryPart,
    /// What is wrong, with the nearest right name where there is one.
    pub detail: String,
}

/// A part of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryPart {
    /// The table. Nothing else is known then.
    Table,
    /// This one of the columns.
    Column(String),
    /// The filter.
    Filter,
    /// The order.
    Order,
    /// How many rows.
    Limit,
    /// That rows are taken.
    Pull,
}

/// Everything that is wrong with `query`, as the tables are now: the table, columns that it does not have, comparisons that
/// their types do not allow, values that are none of a column's type. Nothing is read.
///
/// A narrative's target that does not exist yet is a mistake of [`QueryPart::Table`] here.
///
/// # Errors
///
/// [`ReadError::Database`] when the database does not answer.
pub async fn check(pool: &PgPool, query: &TableQuery, readable: &ReadableTables) -> Result<Vec<Mistake>, ReadError> {
    let failed = ReadError::while_doing("checked", &query.table);
    let mut transaction = begin(pool).await.map_err(&failed)?;
    transaction
        .execute("set transaction read only")
        .await
        .map_err(&failed)?;
    let mut mistakes = Vec::new();
    if let Err(error) = row_limit(query) {
        mistakes.push(mistake(QueryPart::Limit, &error));
    }
    let found = match find(&mut transaction, &query.table, readable).await {
        Ok(found) => found,
        Err(error @ ReadError::Database { .. }) => return Err(error),
        Err(error) => {
            mistakes.insert(0, mistake(QueryPart::Table, &error));
            return Ok(mistakes);
        }
    };
    for column in &query.columns {
        if let Err(error) = found.column(column) {
            mistakes.push(mistake(QueryPart::Column(column.clone()), &error));
        }
    }
    let mut tests = Vec::new();
    if let Some(condition) = &query.filter.condition {
        collect_tests(condition, &mut tests);
    }
    mistakes.extend(unknown_columns(&found, &QueryPart::Filter, query.filter.columns()));
    for test in tests {
        let mut statement = Statement::new("select ");
        // What is not there was told above.
        if push_test(&mut statement, &found, test).is_ok() {
            let said = try_on_nothing(&mut transaction, &found, statement, "")
                .await
                .map_err(&failed)?;
            mistakes.extend(said.map(|said| Mistake {
                part: QueryPart::Filter,
                detail: format!("`{test}` cannot be tested in table `{}`: {said}", found.called()),
            }));
        }
    }
    let sorted = query.order_by.iter().map(|order| order.column.as_str()).collect();
    mistakes.extend(unknown_columns(&found, &QueryPart::Order, sorted));
    for order in &query.order_by {
        let mut clause = Statement::new(" order by ");
        if push_one_order(&mut clause, &found, order).is_ok() {
            let statement = Statement::new("select 1");
            let said = try_on_nothing(&mut transaction, &found, statement, clause.sql().as_str()).await;
            mistakes.extend(said.map_err(&failed)?.map(|said| Mistake {
                part: QueryPart::Order,
                detail: format!(
                    "table `{}` cannot be sorted by `{}`: {said}",
                    found.called(),
                    order.column
                ),
            }));
        }
    }
    if query.pull
        && let Err(error) = check_pullable(&found)
    {
        mistakes.push(mistake(QueryPart::Pull, &error));
    }
    Ok(mistakes)
}

fn mistake(part: QueryPart, error: &ReadError) -> Mistake {
    Mistake {
        part,
        detail: error.to_string(),
    }
}

fn unknown_columns(found: &Found, part: &QueryPart, columns: Vec<&str>) -> Vec<Mistake> {
    columns
        .into_iter()
        .filter_map(|column| found.column(column).err())
        .map(|error| mistake(part.clone(), &error))
        .collect()
}

fn collect_tests<'a>(condition: &'a Condition, tests: &mut Vec<&'a Test>) {
    match condition {
        Condition::All(conditions) | Condition::Any(conditions) => {
            for condition in conditions {
                collect_tests(condition, tests);
            }
        }
        Condition::Not(condition) => collect_tests(condition, tests),
        Condition::Test(test) => tests.push(test),
    }
}

/// Runs a statement on a row of the table's shape without values, and gives what the database says against it.
async fn try_on_nothing(
    connection: &mut PgConnection,
    found: &Found,
    mut statement: Statement,
    clause: &str,
) -> Result<Option<String>, sqlx::Error> {
    // With the offset the server does not see that there are no values, and so evaluates what stands beside them.
    statement
        .push(" from (select (null::")
        .push(&found.table.name)
        .push(").* offset 0) as nothing")
        .push(clause);
    let mut savepoint = connection.begin().await?;
    let tried = statement.build().persistent(false).execute(&mut *savepoint).await;
    savepoint.rollback().await?;
    match tried {
        Ok(_) => Ok(None),
        Err(error) => match error.as_database_error() {
            // It has the limits of a session, as every statement.
            Some(said) if said.code().as_deref() != Some("57014") => Ok(Some(said.message().to_owned())),
            _ => Err(error),
        },
    }
}
