//! Names and values that are meant to be more than that.

use botticelli_content::{Changes, Target, update_rows};
use botticelli_content::{ReadError, ReadableTables, Shape, StoreError, check, ensure_target, read_rows};
use botticelli_narrative::{Condition, Filter, Literal, Operand, Order, TableQuery, Test};
use botticelli_testkit::TestDatabase;
use serde_json::{Value, json};

use crate::shelf::{ORIGIN, columns, query, read, rows, shape_of, store, with_tips};

fn hostile() -> Vec<String> {
    vec![
        "\"; drop table botticelli.jobs; --".to_owned(),
        "tips\"; drop table botticelli_content.tips; --".to_owned(),
        "x' or true; --".to_owned(),
        "a\0b".to_owned(),
        "\0".to_owned(),
        String::new(),
        "a".repeat(10_000),
        "ü".repeat(5_000),
        "$1".to_owned(),
        "{}".to_owned(),
        "%I".to_owned(),
        "../../etc".to_owned(),
        "tips, botticelli.jobs".to_owned(),
    ]
}

async fn nothing_happened(database: &TestDatabase) {
    assert_eq!(database.row("select count(*) from botticelli.jobs").await, "0");
    assert_eq!(database.row("select count(*) from botticelli_content.tips").await, "1");
    assert_eq!(
        database
            .row("select count(*) from pg_tables where schemaname = 'botticelli_content'")
            .await,
        "1"
    );
}

#[tokio::test]
async fn hostile_names_of_tables_and_columns_are_names_of_nothing() {
    let database = with_tips(json!([{"title": "Tea"}])).await;
    for name in hostile() {
        let ordered = Order {
            column: name.clone(),
            descending: false,
            nulls: None,
        };
        let tested = Filter {
            condition: Some(Condition::Test(Test::IsNull {
                column: name.clone(),
                negated: true,
            })),
        };
        for hostile in [
            query(&name),
            columns("tips", &[&name]),
            TableQuery {
                order_by: vec![ordered],
                ..query("tips")
            },
            TableQuery {
                filter: tested.clone(),
                ..query("tips")
            },
        ] {
            let error = read_rows(&database.pool, &hostile, &ReadableTables::default())
                .await
                .unwrap_err();
            assert!(!matches!(error, ReadError::Database { .. }), "{error}");
            assert!(error.to_string().len() < 2_000, "{error}");
            let mistakes = check(&database.pool, &hostile, &ReadableTables::default())
                .await
                .unwrap();
            assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        }
        let changes = Changes {
            table: "tips",
            filter: &tested,
            values: &rows(json!([{"title": "x"}]))[0],
            limit: 1,
        };
        let mut connection = database.pool.acquire().await.unwrap();
        assert!(update_rows(&mut connection, &changes).await.is_err());
    }
    nothing_happened(&database).await;
}

#[tokio::test]
async fn hostile_names_of_targets_are_refused() {
    let database = with_tips(json!([{"title": "Tea"}])).await;
    for table in hostile()
        .iter()
        .map(String::as_str)
        .chain(["Tips", "2tips", "botticelli.jobs", "a b"])
    {
        let mut connection = database.pool.acquire().await.unwrap();
        let target = Target {
            table,
            shape: Shape::Inferred,
        };
        let error = ensure_target(&mut connection, &target).await.unwrap_err();
        assert!(matches!(error, StoreError::NotAName(_)), "{error}");
        assert!(error.to_string().len() < 500, "{error}");
    }
    nothing_happened(&database).await;
}

#[tokio::test]
async fn hostile_properties_become_harmless_columns_or_are_refused() {
    let database = with_tips(json!([{"title": "Tea"}])).await;
    for (number, property) in hostile().into_iter().enumerate() {
        let table = format!("target_{number}");
        let row = json!([{ property.clone(): "x" }]);
        match store(&database, &table, Shape::Inferred, row).await {
            Ok(_) => {
                let shape = shape_of(&database, &table).await;
                let (name, kind) = shape[0].split_once(' ').unwrap();
                assert!(
                    name.bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
                    "{name}"
                );
                assert_eq!((kind, shape.len()), ("text", 1));
                database
                    .execute(&format!("drop table botticelli_content.{table}"))
                    .await;
            }
            Err(error) => assert!(matches!(error, StoreError::NoName { .. }), "{error}"),
        }
    }
    nothing_happened(&database).await;
}

#[tokio::test]
async fn hostile_values_are_values() {
    let database = with_tips(json!([{"title": "Tea"}])).await;
    for value in hostile().into_iter().filter(|value| !value.contains('\0')) {
        let table = "values";
        let mut transaction = database.pool.begin().await.unwrap();
        let origin = botticelli_content::Origin {
            narrative: &value,
            act: &value,
            model: Some(&value),
            prompt_hash: Some(&value),
            ..ORIGIN
        };
        let target = Target {
            table,
            shape: Shape::Inferred,
        };
        let stored = rows(json!([{"title": value, "nested": {value.clone(): [value]}}]));
        botticelli_content::store_rows(&mut transaction, &target, &stored, &origin)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        let same = Filter {
            condition: Some(Condition::Test(Test::Compare {
                left: Operand::Column("title".to_owned()),
                comparison: botticelli_narrative::Comparison::Equal,
                right: Operand::Literal(Literal::Text(value.clone())),
            })),
        };
        let query = TableQuery {
            filter: same,
            ..columns(table, &["narrative", "nested"])
        };
        let expected: Value = json!([{"narrative": value, "nested": {value.clone(): [value]}}]);
        let read: Value = serde_json::from_str(&read(&database, &query).await).unwrap();
        assert_eq!(read, expected);
    }
    database.execute("drop table botticelli_content.values").await;
    nothing_happened(&database).await;
}

#[tokio::test]
async fn a_nul_is_refused_with_its_place() {
    let database = with_tips(json!([{"title": "Tea"}])).await;
    for value in [json!("a\0b"), json!(["a", {"b": "\0"}]), json!({"a\0": 1})] {
        let error = store(
            &database,
            "tips",
            Shape::Inferred,
            json!([{"title": "Coffee"}, {"title": value}]),
        )
        .await
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "row 2: property `title` does not fit into column `title` of table `tips`, which is text: it holds the \
             character NUL, which PostgreSQL has no text with"
        );
    }
    nothing_happened(&database).await;
}
