//! Posts as a table, for narratives whose authors may write anything.

use botticelli_posts::{ReadTableError, TableRequest, Test, TestOp, read_table};
use botticelli_testkit::TestDatabase;
use serde_json::{Map, Value};

use crate::shelf::with_posts;

fn posts(columns: &[&str]) -> TableRequest {
    TableRequest {
        table: "potential_posts".to_owned(),
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        ..TableRequest::default()
    }
}

fn where_is(column: &str, op: TestOp, value: &str) -> TableRequest {
    TableRequest {
        tests: vec![Test {
            column: column.to_owned(),
            op,
            value: value.to_owned(),
        }],
        ..posts(&["text_content"])
    }
}

async fn texts(database: &TestDatabase, request: &TableRequest) -> Vec<String> {
    let rows: Vec<Map<String, Value>> = read_table(&database.pool, request).await.unwrap();
    rows.iter()
        .map(|row| row["text_content"].as_str().unwrap().to_owned())
        .collect()
}

/// The error with its causes.
async fn refusal(database: &TestDatabase, request: &TableRequest) -> String {
    let error = read_table(&database.pool, request).await.unwrap_err();
    match &error {
        ReadTableError::Read { source, .. } => format!("{error}: {source}"),
        other => other.to_string(),
    }
}

#[tokio::test]
async fn only_the_tables_of_posts_can_be_read() {
    let database = with_posts(&["A."]).await;
    for table in [
        "jobs",
        "botticelli.jobs",
        "deliveries",
        "pg_authid",
        "Potential_Posts",
        "potential_posts\"; drop table botticelli.jobs; --",
    ] {
        let request = TableRequest {
            table: table.to_owned(),
            ..TableRequest::default()
        };
        assert_eq!(
            refusal(&database, &request).await,
            format!(
                "table `{table}` cannot be read by a narrative; the tables are `potential_posts`, `approved_posts` and \
                 `content_metadata`"
            )
        );
    }
    for table in ["potential_posts", "approved_posts", "content_metadata"] {
        let request = TableRequest {
            table: table.to_owned(),
            ..TableRequest::default()
        };
        read_table(&database.pool, &request).await.unwrap();
    }
}

#[tokio::test]
async fn a_column_that_is_not_there_is_refused_with_those_that_are() {
    let database = with_posts(&["A."]).await;
    let request = TableRequest {
        table: "content_metadata".to_owned(),
        columns: vec!["author".to_owned()],
        ..TableRequest::default()
    };
    assert_eq!(
        refusal(&database, &request).await,
        "table `content_metadata` has no column `author`; its columns are `potential_post_id`, `actor`, `narrative`, \
         `iteration`, `title`, `provider`, `model`, `output`, `created_at`"
    );
}

#[tokio::test]
async fn sql_in_the_place_of_a_column_is_the_name_of_no_column() {
    let database = with_posts(&["A."]).await;
    let hostile = "id\" from botticelli.jobs; drop table botticelli.jobs; --";
    let ordered = TableRequest {
        order_by: vec![(hostile.to_owned(), false)],
        ..posts(&["id"])
    };
    for request in [posts(&[hostile]), where_is(hostile, TestOp::IsNull, ""), ordered] {
        let refusal = refusal(&database, &request).await;
        assert!(
            refusal.starts_with("table `potential_posts` has no column `id\" from"),
            "{refusal}"
        );
    }
    assert_eq!(database.row("select count(*) from botticelli.jobs").await, "0");
}

#[tokio::test]
async fn sql_in_the_place_of_a_value_is_a_value() {
    let hostile = "x' or true; drop table botticelli.jobs; --";
    let database = with_posts(&["A.", hostile]).await;
    for op in [TestOp::Equal, TestOp::Like] {
        assert_eq!(
            texts(&database, &where_is("text_content", op, hostile)).await,
            [hostile]
        );
    }
    assert_eq!(database.row("select count(*) from botticelli.jobs").await, "0");
}

#[tokio::test]
async fn every_test_compares_in_the_type_of_its_column() {
    let database = with_posts(&["A.", "B.", "C."]).await;
    database
        .execute("update botticelli.potential_posts set curation_score = 10 where id = 2")
        .await;
    for (request, expected) in [
        (where_is("id", TestOp::Equal, "2"), vec!["B."]),
        (where_is("id", TestOp::NotEqual, "2"), vec!["A.", "C."]),
        (where_is("id", TestOp::Less, "2"), vec!["A."]),
        (where_is("id", TestOp::AtMost, "2"), vec!["A.", "B."]),
        (where_is("id", TestOp::Greater, "2"), vec!["C."]),
        (where_is("id", TestOp::AtLeast, "2"), vec!["B.", "C."]),
        // As text, 10 would be less than 9.
        (where_is("curation_score", TestOp::Greater, "9"), vec!["B."]),
        (where_is("curation_score", TestOp::IsNull, ""), vec!["A.", "C."]),
        (where_is("curation_score", TestOp::IsNotNull, ""), vec!["B."]),
        (where_is("text_content", TestOp::Like, "%."), vec!["A.", "B.", "C."]),
        (where_is("generated_at", TestOp::Less, "2020-01-01T00:00:00Z"), vec![]),
        (where_is("tags", TestOp::Equal, r#"["news"]"#), vec!["A.", "B.", "C."]),
    ] {
        let request = TableRequest {
            order_by: vec![("id".to_owned(), false)],
            ..request
        };
        assert_eq!(texts(&database, &request).await, expected, "{request:?}");
    }
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_refused_by_the_database() {
    let database = with_posts(&["A."]).await;
    let refusal = refusal(&database, &where_is("id", TestOp::Equal, "first")).await;
    assert!(
        refusal.starts_with("the rows of table `potential_posts` could not be read: ")
            && refusal.contains("invalid input syntax for type bigint: \"first\""),
        "{refusal}"
    );
}

#[tokio::test]
async fn columns_order_limit_and_offset_are_as_asked_for() {
    let database = with_posts(&["A.", "B.", "C."]).await;
    let request = TableRequest {
        order_by: vec![("status".to_owned(), false), ("id".to_owned(), true)],
        limit: Some(1),
        offset: Some(1),
        ..posts(&["status", "text_content", "id"])
    };
    let rows = read_table(&database.pool, &request).await.unwrap();
    assert_eq!(
        serde_json::to_string(&rows).unwrap(),
        r#"[{"status":"pending","text_content":"B.","id":2}]"#
    );
    let everything = read_table(&database.pool, &posts(&[])).await.unwrap();
    assert_eq!(everything.len(), 3);
    assert_eq!(everything[0].keys().next().map(String::as_str), Some("id"));
}
