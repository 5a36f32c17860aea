//! What a role of little power is told.

use botticelli_content::{ReadableTables, Shape, Target, give_back, read_rows, store_rows};
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

#[tokio::test]
async fn rows_of_tables_that_the_role_may_only_read_or_not_even_see_are_left_and_those_of_others_given_back() {
    let database = database().await;
    for table in ["readable", "tips", "unseen"] {
        store(&database, table, Shape::Inferred, json!([{"n": 1}]))
            .await
            .unwrap();
        database
            .execute(&format!("update {SCHEMA}.{table} set pulled_by = 1"))
            .await;
    }
    database
        .execute(&format!(
            "grant usage on schema botticelli to pg_monitor;
             grant select on {SCHEMA}.readable to pg_monitor;
             grant update on {SCHEMA}.unseen to pg_monitor;
             grant select, update on {SCHEMA}.tips to pg_monitor"
        ))
        .await;
    let pool = powerless(&database).await;
    let mut connection = pool.acquire().await.unwrap();
    // Not a table of a schema that it may not use.
    assert_eq!(give_back(&mut connection, 1).await.unwrap(), 0);
    database
        .execute(&format!("grant usage on schema {SCHEMA} to pg_monitor"))
        .await;
    let tables = sqlx::query_scalar::<_, String>("select botticelli.tables_of_pulls()")
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    assert_eq!(tables, [format!("{SCHEMA}.tips")]);
    assert_eq!(give_back(&mut connection, 1).await.unwrap(), 1);
}
