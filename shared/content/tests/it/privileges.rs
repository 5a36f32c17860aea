//! What a role of little power is told.

use botticelli_content::{ReadableTables, Shape, Target, read_rows, store_rows};
use botticelli_testkit::{TestDatabase, database};
use serde_json::json;
use sqlx::{Executor, PgPool, postgres::PgPoolOptions};

use crate::shelf::{ORIGIN, SCHEMA, query, rows, store};

/// Connections of a role that may do nothing here. It comes with PostgreSQL, so no role is left behind in the cluster.
async fn powerless(database: &TestDatabase) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .after_connect(|connection, _| Box::pin(async { connection.execute("set role pg_monitor").await.map(drop) }))
        .connect(&database.url)
        .await
        .unwrap()
}

async fn refusal(pool: &PgPool, row: serde_json::Value) -> String {
    let mut transaction = pool.begin().await.unwrap();
    let target = Target {
        table: "tips",
        shape: Shape::Inferred,
    };
    let error = store_rows(&mut transaction, &target, &rows(row), &ORIGIN)
        .await
        .unwrap_err();
    error.to_string()
}

#[tokio::test]
async fn each_thing_that_is_not_allowed_names_the_statement_that_allows_it() {
    let database = database().await;
    let pool = powerless(&database).await;
    let name = database.row("select current_database()").await;
    let tea = || json!([{"title": "Tea"}]);
    assert_eq!(
        refusal(&pool, tea()).await,
        format!(
            "to make schema `botticelli_content`, where the tables of narratives are, is not allowed to the role of this \
             process; let the owner run `grant create on database {name} to pg_monitor` or `create schema botticelli_content \
             authorization pg_monitor`"
        )
    );
    database.execute(&format!("create schema {SCHEMA}")).await;
    let grant = format!("grant usage, create on schema {SCHEMA} to pg_monitor");
    assert_eq!(
        refusal(&pool, tea()).await,
        format!("to make table `tips` is not allowed to the role of this process; let the owner run `{grant}`")
    );
    store(&database, "tips", Shape::Inferred, tea()).await.unwrap();

    let read = async || read_rows(&pool, &query("tips"), &ReadableTables::default()).await;
    let grant = "grant usage on schema botticelli_content to pg_monitor; grant select on \"botticelli_content\".\"tips\" to \
                 pg_monitor";
    assert_eq!(
        read().await.unwrap_err().to_string(),
        format!("table `tips` cannot be read by the role of this process; let its owner run `{grant}`")
    );
    database.execute(grant).await;
    assert_eq!(read().await.unwrap().len(), 1);

    let grant = "grant select, insert on \"botticelli_content\".\"tips\" to pg_monitor";
    assert_eq!(
        refusal(&pool, tea()).await,
        format!(
            "to put rows into table `tips` is not allowed to the role of this process; let the owner run `{grant}`"
        )
    );
    database.execute(grant).await;
    assert_eq!(
        refusal(&pool, json!([{"title": "Tea", "score": 1}])).await,
        "to add columns to table `tips` is not allowed to the role of this process; let the owner run `alter table \
         \"botticelli_content\".\"tips\" add column \"score\" bigint`"
    );
    let mut transaction = pool.begin().await.unwrap();
    let target = Target {
        table: "tips",
        shape: Shape::Inferred,
    };
    assert_eq!(
        store_rows(&mut transaction, &target, &rows(tea()), &ORIGIN)
            .await
            .unwrap(),
        1
    );
    transaction.commit().await.unwrap();
}
