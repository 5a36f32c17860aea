//! What fails in upstream's storing and reading of tables, and does not here. Each test is called like the failure.

use botticelli_content::{Origin, Puller, Shape, Target, give_back, pull_rows, store_rows};
use botticelli_narrative::TableQuery;
use botticelli_testkit::database;
use serde_json::json;

use crate::shelf::{ORIGIN, SCHEMA, columns, query, read, rows, store, with_tips};

/// There every key of any row became a column that is never empty.
#[tokio::test]
async fn a_missing_field_violates_not_null() {
    let database = with_tips(json!([{"title": "Tea", "score": 1}, {"title": "Coffee"}])).await;
    store(&database, "tips", Shape::Inferred, json!([{"score": 2}]))
        .await
        .unwrap();
    assert_eq!(
        read(&database, &columns("tips", &["title", "score"])).await,
        r#"[{"title":"Tea","score":1},{"title":"Coffee","score":null},{"title":null,"score":2}]"#
    );
}

/// There the table's own columns were added behind those of the reply: "column specified more than once".
#[tokio::test]
async fn a_key_called_generated_at_collides() {
    let reply = json!([{
        "text_content": "A.", "generated_at": "2026-01-01", "source_narrative": "mine", "id": 99, "created_at": "then",
    }]);
    let database = with_tips(reply).await;
    assert_eq!(
        read(
            &database,
            &columns(
                "tips",
                &["id", "generated_at", "source_narrative", "id_", "created_at_"]
            )
        )
        .await,
        r#"[{"id":1,"generated_at":"2026-01-01","source_narrative":"mine","id_":99,"created_at_":"then"}]"#
    );
}

/// There the insert was put together as text.
#[tokio::test]
async fn a_quote_in_the_name_of_the_narrative_breaks_the_statement() {
    let database = database().await;
    let origin = Origin {
        narrative: "it's \"mine\"; drop table botticelli.jobs; --",
        act: "'",
        ..ORIGIN
    };
    let target = Target {
        table: "tips",
        shape: Shape::Inferred,
    };
    let mut transaction = database.pool.begin().await.unwrap();
    store_rows(&mut transaction, &target, &rows(json!([{"title": "it's"}])), &origin)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(
        database
            .row(&format!("select narrative, act, title from {SCHEMA}.tips"))
            .await,
        "it's \"mine\"; drop table botticelli.jobs; --|'|it's"
    );
}

/// There: "cannot determine type of empty array".
#[tokio::test]
async fn an_empty_array_has_no_type() {
    let database = with_tips(json!([{"tags": []}, {"tags": ["a"]}])).await;
    assert_eq!(
        read(&database, &columns("tips", &["tags"])).await,
        r#"[{"tags":[]},{"tags":["a"]}]"#
    );
    database
        .execute(
            "create table botticelli_content.labels (id int generated always as identity, tags text[], numbers int[])",
        )
        .await;
    store(
        &database,
        "labels",
        Shape::Inferred,
        json!([{"tags": [], "numbers": [1, 2]}]),
    )
    .await
    .unwrap();
    assert_eq!(
        read(&database, &columns("labels", &["tags", "numbers"])).await,
        r#"[{"tags":[],"numbers":[1,2]}]"#
    );
}

/// There tables had no key: two rows were read to be deleted and none was, so the same ones came again.
#[tokio::test]
async fn a_destructive_read_deletes_nothing_and_brings_the_same_rows_twice() {
    let database = with_tips(json!([{"n": 1}, {"n": 2}, {"n": 3}])).await;
    let pull = TableQuery {
        order_by: Vec::new(),
        limit: 2,
        pull: true,
        ..columns("tips", &["n"])
    };
    let mut connection = database.pool.acquire().await.unwrap();
    for (job, expected) in [(1, json!([{"n": 1}, {"n": 2}])), (2, json!([{"n": 3}])), (3, json!([]))] {
        let taken = pull_rows(&mut connection, &pull, Puller { job, step: "a" })
            .await
            .unwrap();
        assert_eq!(taken, rows(expected));
    }
    assert_eq!(read(&database, &query("tips")).await, "[]");
    // Nor is anything lost.
    assert_eq!(database.row(&format!("select count(*) from {SCHEMA}.tips")).await, "3");
    assert_eq!(give_back(&mut connection, 1).await.unwrap(), 2);
}

/// There rows came as `json` and were read as `jsonb`: "Unsupported JSONB encoding version".
#[tokio::test]
async fn a_whole_table_cannot_be_read() {
    let database = with_tips(json!([{"title": "Tea", "tags": ["a"], "by": {"name": "Ada"}}])).await;
    let whole = read(&database, &query("tips")).await;
    assert!(
        whole.contains(r#""title":"Tea","tags":["a"],"by":{"name":"Ada"}"#),
        "{whole}"
    );
}
