//! A database with tables of narratives in it.

use botticelli_content::{Origin, ReadError, ReadableTables, Shape, StoreError, Target, read_rows, store_rows};
use botticelli_narrative::{Filter, Order, Row, TableQuery};
use botticelli_testkit::{TestDatabase, database};
use serde_json::Value;

/// The schema of the narratives' tables of the fleet in tests.
pub(crate) const SCHEMA: &str = "botticelli_content";

/// Where rows of tests come from.
pub(crate) const ORIGIN: Origin<'static> = Origin {
    run_id: 7,
    narrative: "tell",
    act: "last",
    iteration: 1,
    model: Some("stub"),
    prompt_hash: Some("abc"),
};

/// The objects of a JSON array as rows.
pub(crate) fn rows(objects: Value) -> Vec<Row> {
    serde_json::from_value(objects).unwrap()
}

/// A database with the table `tips`, stored from these objects.
pub(crate) async fn with_tips(tips: Value) -> TestDatabase {
    let database = database().await;
    store(&database, "tips", Shape::Inferred, tips).await.unwrap();
    database
}

/// Stores objects in a target, in a transaction of their own.
pub(crate) async fn store(
    database: &TestDatabase,
    table: &str,
    shape: Shape<'_>,
    objects: Value,
) -> Result<u64, StoreError> {
    let mut transaction = database.pool.begin().await.unwrap();
    let stored = store_rows(&mut transaction, &Target { table, shape }, &rows(objects), &ORIGIN).await?;
    transaction.commit().await.unwrap();
    Ok(stored)
}

/// Why objects are not stored. That nothing of them is, is asserted.
pub(crate) async fn refusal(database: &TestDatabase, table: &str, shape: Shape<'_>, objects: Value) -> String {
    let error = store(database, table, shape, objects).await.unwrap_err();
    chain(&error)
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

/// All rows of a table.
pub(crate) fn query(table: &str) -> TableQuery {
    TableQuery {
        table: table.to_owned(),
        columns: Vec::new(),
        filter: Filter::default(),
        order_by: Vec::new(),
        limit: 100,
        offset: 0,
        sample: None,
        pull: false,
    }
}

/// These columns of a table, in the order of `id`.
pub(crate) fn columns(table: &str, columns: &[&str]) -> TableQuery {
    TableQuery {
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        order_by: Order::parse("id").unwrap(),
        ..query(table)
    }
}

pub(crate) fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap()
}

/// The rows of a query as JSON text.
pub(crate) async fn read(database: &TestDatabase, query: &TableQuery) -> String {
    let rows = read_rows(&database.pool, query, &ReadableTables::default())
        .await
        .unwrap();
    serde_json::to_string(&rows).unwrap()
}

/// Why a query is refused.
pub(crate) async fn read_refusal(database: &TestDatabase, query: &TableQuery) -> ReadError {
    read_rows(&database.pool, query, &ReadableTables::default())
        .await
        .unwrap_err()
}

/// The columns of a table of narratives with their types, `!` behind those that are never empty; its own left out.
pub(crate) async fn shape_of(database: &TestDatabase, table: &str) -> Vec<String> {
    let columns = database
        .rows(&format!(
            "select attname, format_type(atttypid, atttypmod) || case when attnotnull then '!' else '' end
             from pg_attribute where attrelid = '{SCHEMA}.{table}'::regclass and attnum > 0 order by attnum"
        ))
        .await;
    let own = [
        "id|bigint!",
        "run_id|bigint",
        "narrative|text",
        "act|text",
        "iteration|integer",
        "model|text",
        "prompt_hash|text",
        "created_at|timestamp with time zone!",
        "pulled_at|timestamp with time zone",
        "pulled_by|bigint",
        "pulled_for|text",
    ];
    columns
        .into_iter()
        .filter(|column| !own.contains(&column.as_str()))
        .map(|column| column.replace('|', " "))
        .collect()
}
