//! Targets that somebody else made: they get the properties, and stay as they are.

use botticelli_content::{Shape, StoreError, Target, ensure_target};
use botticelli_testkit::{TestDatabase, database};
use serde_json::json;

use crate::shelf::{SCHEMA, columns, read, refusal, store};

async fn with_table(definition: &str) -> TestDatabase {
    let database = database().await;
    database
        .execute(&format!(
            "create schema {SCHEMA}; create table {SCHEMA}.notes ({definition})"
        ))
        .await;
    database
}

#[tokio::test]
async fn properties_find_their_columns_by_name_by_snake_case_and_in_any_case() {
    let database = with_table(
        "id int generated always as identity, \"Title\" text, text_content text, created_at date, narrative text, big numeric, \
         short varchar(3), at timestamp",
    )
    .await;
    let note = json!([{
        "title": "a", "textContent": "b", "created_at": "2026-01-01", "narrative": "mine", "BIG": 12_345_678_901_234_567_890_u64,
        "short": "abc", "at": "2026-01-01T10:00:00Z",
    }]);
    store(&database, "notes", Shape::Inferred, note).await.unwrap();
    assert_eq!(
        database.row(&format!("select * from {SCHEMA}.notes")).await,
        "1|a|b|2026-01-01|mine|12345678901234567890|abc|2026-01-01 10:00:00"
    );
}

#[tokio::test]
async fn a_property_without_a_column_is_refused_by_name_with_all_others() {
    let database = with_table("id int generated always as identity, title text, body text").await;
    let notes = json!([{"titel": "a", "body": "b"}, {"rating": 5, "title": "c"}]);
    assert_eq!(
        refusal(&database, "notes", Shape::Inferred, notes).await,
        "table `notes`, which was not made by Botticelli, has no column for `titel`, `rating`; add one, or leave that out of \
         the schema; its columns are `title`, `body`"
    );
    let schema = json!({"type": "object", "properties": {"title": {}, "score": {}}});
    let mut connection = database.pool.acquire().await.unwrap();
    let target = Target {
        table: "notes",
        shape: Shape::Declared(&schema),
    };
    let error = ensure_target(&mut connection, &target).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::NoColumn { properties, .. } if properties == "`score`"),
        "{error}"
    );
    assert_eq!(database.row(&format!("select count(*) from {SCHEMA}.notes")).await, "0");
}

#[tokio::test]
async fn a_missing_property_is_null_or_the_default_and_what_must_be_there_is_said_before() {
    let database = with_table(
        "id int generated always as identity, title text not null, state text not null default 'new', note text",
    )
    .await;
    let notes = json!([
        {"title": "a"},
        {"title": "b", "state": "old", "note": "n"},
        {"title": "c", "state": null},
        {"title": "d", "note": null},
    ]);
    assert_eq!(store(&database, "notes", Shape::Inferred, notes).await.unwrap(), 4);
    assert_eq!(
        database
            .rows(&format!("select * from {SCHEMA}.notes order by id"))
            .await,
        ["1|a|new|", "2|b|old|n", "3|c|new|", "4|d|new|"],
        "in the order of the rows"
    );
    assert_eq!(
        refusal(
            &database,
            "notes",
            Shape::Inferred,
            json!([{"title": "e"}, {"note": "n"}])
        )
        .await,
        "row 2 has nothing for column `title` of table `notes`, where every row has a value; let the schema require it"
    );
    assert_eq!(database.row(&format!("select count(*) from {SCHEMA}.notes")).await, "4");
}

#[tokio::test]
async fn a_row_that_breaks_a_rule_of_the_table_is_named() {
    let database =
        with_table("id int generated always as identity, title text unique, score int check (score > 0)").await;
    for (notes, said) in [
        (
            json!([{"title": "a"}, {"title": "b", "score": 0}]),
            "row 2 is refused by table `notes`: new row for relation \"notes\" violates check constraint \"notes_score_check\"",
        ),
        (
            json!([{"title": "a"}, {"title": "b"}, {"title": "a"}]),
            "row 3 is refused by table `notes`: duplicate key value violates unique constraint \"notes_title_key\"",
        ),
        (
            json!([{"title": "a", "score": 3_000_000_000_i64}]),
            "row 1: property `score` does not fit into column `score` of table `notes`, which is integer: value \
             \"3000000000\" is out of range for type integer",
        ),
        (
            json!([{"title": "a", "score": {"of": 5}}]),
            "row 1: property `score` does not fit into column `score` of table `notes`, which is integer: invalid input \
             syntax for type integer: \"{\"of\": 5}\"",
        ),
        (
            json!([{"title": "a", "id": 5}]),
            "property `id` cannot be stored: the database itself fills column `id` of table `notes`",
        ),
    ] {
        assert_eq!(refusal(&database, "notes", Shape::Inferred, notes).await, said);
    }
    assert_eq!(database.row(&format!("select count(*) from {SCHEMA}.notes")).await, "0");
}

#[tokio::test]
async fn a_table_that_takes_nothing_but_defaults_gets_rows_of_them() {
    let database = with_table("id int generated always as identity, state text default 'new'").await;
    assert_eq!(
        store(&database, "notes", Shape::Inferred, json!([{}, {}]))
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        read(&database, &columns("notes", &["id", "state"])).await,
        r#"[{"id":1,"state":"new"},{"id":2,"state":"new"}]"#
    );
}

#[tokio::test]
async fn a_table_whose_owner_took_it_over_gets_no_columns_any_more() {
    let database = database().await;
    store(&database, "notes", Shape::Inferred, json!([{"title": "a"}]))
        .await
        .unwrap();
    database
        .execute(&format!("comment on table {SCHEMA}.notes is 'Ours now.'"))
        .await;
    store(&database, "notes", Shape::Inferred, json!([{"title": "b"}]))
        .await
        .unwrap();
    let refusal = refusal(&database, "notes", Shape::Inferred, json!([{"title": "c", "score": 1}])).await;
    assert!(
        refusal.starts_with("table `notes`, which was not made by Botticelli, has no column for `score`; "),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_view_is_no_target() {
    let database = with_table("id int, title text").await;
    database
        .execute(&format!(
            "create view {SCHEMA}.titles as select title from {SCHEMA}.notes"
        ))
        .await;
    assert_eq!(
        refusal(&database, "titles", Shape::Inferred, json!([{"title": "a"}])).await,
        "target `titles` is a view; name a table, or a new name"
    );
}
