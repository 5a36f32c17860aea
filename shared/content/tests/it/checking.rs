//! What is wrong with a read is found before it is made, all of it.

use botticelli_content::{QueryPart, ReadableTables, check};
use botticelli_narrative::{Order, TableQuery};
use botticelli_testkit::TestDatabase;
use serde_json::json;

use crate::shelf::{filter, query, with_tips};

async fn mistakes(database: &TestDatabase, query: &TableQuery) -> Vec<(QueryPart, String)> {
    let mistakes = check(&database.pool, query, &ReadableTables::default()).await.unwrap();
    mistakes
        .into_iter()
        .map(|mistake| (mistake.part, mistake.detail))
        .collect()
}

async fn tips() -> TestDatabase {
    let database = with_tips(json!([{"title": "Tea", "score": 1, "tags": []}])).await;
    database
        .execute("alter table botticelli_content.tips add seen timestamptz, add raw json, alter title set not null")
        .await;
    database
}

#[tokio::test]
async fn a_read_that_is_right_has_no_mistakes() {
    let database = tips().await;
    let right = TableQuery {
        columns: vec!["title".to_owned(), "score".to_owned()],
        filter: filter(
            "title like 'T%' and (score in (1, 2.5) or score > 1e300) and seen > now() - interval '1 day' and seen < \
             '2026-01-01' and tags = '[]' and title = 'Tea' and raw is null",
        ),
        order_by: Order::parse("score desc nulls last, tags").unwrap(),
        sample: Some(3),
        pull: true,
        ..query("tips")
    };
    assert_eq!(mistakes(&database, &right).await, []);
    assert_eq!(mistakes(&database, &query("potential_discord_posts")).await, []);
}

#[tokio::test]
async fn every_mistake_is_found_at_once_with_what_was_meant() {
    let database = tips().await;
    let wrong = TableQuery {
        columns: vec!["titel".to_owned(), "score".to_owned(), "tag".to_owned()],
        filter: filter("titel = 'x' and (score = 'many' or not seen > 'some day') and title > score and tags = 'x'"),
        order_by: Order::parse("scor, raw, score").unwrap(),
        limit: 2000,
        ..query("tips")
    };
    let found = mistakes(&database, &wrong).await;
    let parts: Vec<&QueryPart> = found.iter().map(|(part, _)| part).collect();
    assert_eq!(
        parts,
        [
            &QueryPart::Limit,
            &QueryPart::Column("titel".to_owned()),
            &QueryPart::Column("tag".to_owned()),
            &QueryPart::Filter,
            &QueryPart::Filter,
            &QueryPart::Filter,
            &QueryPart::Filter,
            &QueryPart::Filter,
            &QueryPart::Order,
            &QueryPart::Order,
        ]
    );
    let details: Vec<&str> = found.iter().map(|(_, detail)| detail.as_str()).collect();
    assert_eq!(details[0], "2000 rows cannot be asked for; ask for 1 to 1000");
    assert!(details[1].starts_with("table `tips` has no column `titel`; its columns are `title`, `id`"));
    assert!(details[2].starts_with("table `tips` has no column `tag`; its columns are `tags`, `id`"));
    assert!(details[3].starts_with("table `tips` has no column `titel`; its columns are `title`"));
    assert_eq!(
        details[4],
        "`score = 'many'` cannot be tested in table `tips`: invalid input syntax for type bigint: \"many\""
    );
    assert_eq!(
        details[5],
        "`seen > 'some day'` cannot be tested in table `tips`: invalid input syntax for type timestamp with time zone: \
         \"some day\""
    );
    assert_eq!(
        details[6],
        "`title > score` cannot be tested in table `tips`: operator does not exist: text > bigint"
    );
    assert!(
        details[7].starts_with("`tags = 'x'` cannot be tested in table `tips`: invalid input syntax for type json")
    );
    assert!(details[8].starts_with("table `tips` has no column `scor`; its columns are `score`, `id`"));
    assert_eq!(
        details[9],
        "table `tips` cannot be sorted by `raw`: could not identify an ordering operator for type json"
    );
}

#[tokio::test]
async fn of_a_table_that_is_not_there_nothing_else_is_said() {
    let database = tips().await;
    let wrong = TableQuery {
        columns: vec!["x".to_owned()],
        ..query("tip")
    };
    let found = mistakes(&database, &wrong).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, QueryPart::Table);
    assert!(
        found[0]
            .1
            .starts_with("there is no table `tip`; the tables that narratives can read are `tips`, `potential_posts`"),
        "{}",
        found[0].1
    );
}
