//! Rows are as asked for, and nothing else is read.

use botticelli_content::{ReadError, ReadableTables, read_rows};
use botticelli_narrative::{Order, TableQuery};
use botticelli_testkit::database;
use serde_json::json;

use crate::shelf::{chain, columns, filter, query, read, read_refusal, with_tips};

#[tokio::test]
async fn a_row_is_an_object_with_its_columns_in_the_order_asked_for_or_that_of_the_table() {
    let database = with_tips(json!([{"title": "Tea", "score": 2.5, "tags": ["a", {"b": null}], "hot": true}])).await;
    assert_eq!(
        read(&database, &columns("tips", &["tags", "id", "title"])).await,
        r#"[{"tags":["a",{"b":null}],"id":1,"title":"Tea"}]"#
    );
    let rows = read_rows(&database.pool, &query("tips"), &ReadableTables::default())
        .await
        .unwrap();
    let names: Vec<&str> = rows[0].keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "id",
            "run_id",
            "narrative",
            "act",
            "iteration",
            "model",
            "prompt_hash",
            "created_at",
            "title",
            "score",
            "tags",
            "hot"
        ],
        "all but what notes who took the row"
    );
    assert_eq!(rows[0]["score"], json!(2.5));
    assert_eq!(rows[0]["narrative"], json!("tell"));
}

#[tokio::test]
async fn order_limit_and_offset_bound_what_is_read() {
    let tips = (1..=5)
        .map(|n| json!({"n": n, "even": (n % 2 == 0).then_some("yes")}))
        .collect();
    let database = with_tips(tips).await;
    let ordered = |order: &str, limit, offset| TableQuery {
        order_by: Order::parse(order).unwrap(),
        limit,
        offset,
        ..columns("tips", &["n"])
    };
    for (query, expected) in [
        (ordered("n desc", 2, 1), r#"[{"n":4},{"n":3}]"#),
        (ordered("even, n desc", 3, 0), r#"[{"n":4},{"n":2},{"n":5}]"#),
        (ordered("even nulls first, n", 2, 0), r#"[{"n":1},{"n":3}]"#),
        (ordered("even desc nulls last, n desc", 1, 0), r#"[{"n":4}]"#),
        (ordered("n", 1000, 5), "[]"),
    ] {
        assert_eq!(read(&database, &query).await, expected, "{query:?}");
    }
    for limit in [0, 1001] {
        let error = read_refusal(&database, &ordered("n", limit, 0)).await;
        assert_eq!(
            error.to_string(),
            format!("{limit} rows cannot be asked for; ask for 1 to 1000")
        );
    }
}

#[tokio::test]
async fn a_sample_is_picked_at_random_among_the_rows_of_the_filter_and_sorted_afterwards() {
    let database = with_tips((1..=200).map(|n| json!({"n": n})).collect()).await;
    let sample = TableQuery {
        filter: filter("n <= 100"),
        order_by: Order::parse("n desc").unwrap(),
        sample: Some(10),
        ..columns("tips", &["n"])
    };
    let pick = async || {
        let rows = read_rows(&database.pool, &sample, &ReadableTables::default())
            .await
            .unwrap();
        rows.iter().map(|row| row["n"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    let (one, other) = (pick().await, pick().await);
    for picked in [&one, &other] {
        assert_eq!(picked.len(), 10);
        assert!(picked.is_sorted_by(|a, b| a > b), "{picked:?}");
        assert!(picked.iter().all(|n| (1..=100).contains(n)), "{picked:?}");
    }
    // Twice the same ten of a hundred is rarer than one in 10^13.
    assert_ne!(one, other);
    let bounded = TableQuery { limit: 3, ..sample };
    let rows = read_rows(&database.pool, &bounded, &ReadableTables::default())
        .await
        .unwrap();
    assert_eq!(rows.len(), 3);
}

#[tokio::test]
async fn a_table_that_is_not_there_is_told_from_other_failures_with_those_that_are() {
    let database = with_tips(json!([{"title": "Tea"}])).await;
    database
        .execute("create view botticelli_content.hot_tips as select title from botticelli_content.tips")
        .await;
    let error = read_refusal(&database, &query("tipps")).await;
    assert!(matches!(&error, ReadError::NoSuchTable { table, .. } if table == "tipps"));
    assert_eq!(
        error.to_string(),
        "there is no table `tipps`; the tables that narratives can read are `tips`, `potential_posts`, `approved_posts`, \
         `content_metadata`, `potential_discord_posts`, `approved_discord_posts`, `hot_tips`"
    );
    assert_eq!(read(&database, &query("hot_tips")).await, r#"[{"title":"Tea"}]"#);
}

#[tokio::test]
async fn before_anything_was_stored_there_are_only_the_tables_of_the_fleet() {
    let database = database().await;
    let error = read_refusal(&database, &query("tips")).await;
    assert!(matches!(error, ReadError::NoSuchTable { .. }), "{error}");
}

#[tokio::test]
async fn a_column_that_is_not_there_is_refused_wherever_it_is_named() {
    let database = with_tips(json!([{"title": "Tea", "score": 1}])).await;
    let expected = "table `tips` has no column `titel`; its columns are `title`, `id`, `run_id`, `narrative`, `act`, \
                    `iteration`, `model`, `prompt_hash`, `created_at`, `pulled_at`, `pulled_by`, `pulled_for`, `score`";
    for query in [
        columns("tips", &["titel"]),
        TableQuery {
            filter: filter("score = 1 or titel = 'x'"),
            ..query("tips")
        },
        TableQuery {
            filter: filter("score < titel"),
            ..query("tips")
        },
        TableQuery {
            order_by: Order::parse("score, titel").unwrap(),
            ..query("tips")
        },
    ] {
        assert_eq!(read_refusal(&database, &query).await.to_string(), expected);
    }
}

#[tokio::test]
async fn a_read_changes_nothing_whatever_a_view_calls() {
    let database = with_tips(json!([{"title": "Tea"}])).await;
    database
        .execute(
            "create function public.eat() returns int language sql as
               $$ delete from botticelli_content.tips; select 1 $$;
             create view botticelli_content.hungry as select public.eat() as eaten",
        )
        .await;
    let refusal = chain(&read_refusal(&database, &query("hungry")).await);
    assert!(
        refusal.contains("cannot execute DELETE in a read-only transaction"),
        "{refusal}"
    );
    assert_eq!(database.row("select count(*) from botticelli_content.tips").await, "1");
}

#[tokio::test]
async fn a_read_that_does_not_end_is_ended() {
    let database = with_tips(json!([{"title": "Tea"}])).await;
    database
        .execute("create view botticelli_content.endless as select pg_sleep(3600)::text as done")
        .await;
    let refusal = chain(&read_refusal(&database, &query("endless")).await);
    assert!(
        refusal.contains("canceling statement due to statement timeout"),
        "{refusal}"
    );
}
