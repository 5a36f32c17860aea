//! Rows that are changed: those that are meant, and as far as they may be.

use botticelli_content::{Changes, Puller, ReadError, pull_rows, update_rows};
use botticelli_narrative::{Filter, TableQuery};
use botticelli_testkit::TestDatabase;
use serde_json::{Value, json};

use crate::shelf::{SCHEMA, columns, filter, rows, with_tips};

async fn update(database: &TestDatabase, filter: &Filter, values: Value, limit: u32) -> Result<u64, ReadError> {
    let values = rows(json!([values])).remove(0);
    let mut connection = database.pool.acquire().await.unwrap();
    let changes = Changes {
        table: "tips",
        filter,
        values: &values,
        limit,
    };
    update_rows(&mut connection, &changes).await
}

async fn tips() -> TestDatabase {
    with_tips((1..=4).map(|n| json!({"n": n, "state": "new", "tags": []})).collect()).await
}

#[tokio::test]
async fn the_first_rows_of_the_filter_are_changed_up_to_the_limit() {
    let database = tips().await;
    let new = filter("state = 'new'");
    assert_eq!(
        update(&database, &new, json!({"state": "it's \"old\"", "tags": ["x"]}), 2)
            .await
            .unwrap(),
        2
    );
    let states = format!("select n, state, tags from {SCHEMA}.tips order by n");
    assert_eq!(
        database.rows(&states).await,
        [
            "1|it's \"old\"|[\"x\"]",
            "2|it's \"old\"|[\"x\"]",
            "3|new|[]",
            "4|new|[]"
        ]
    );
    assert_eq!(update(&database, &new, json!({"state": null}), 1000).await.unwrap(), 2);
    assert_eq!(update(&database, &new, json!({"state": "old"}), 1000).await.unwrap(), 0);
    assert_eq!(
        update(&database, &filter("state is null"), json!({"n": 9}), 1)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        database.row(&format!("select id from {SCHEMA}.tips where n = 9")).await,
        "3"
    );
}

#[tokio::test]
async fn a_row_that_a_job_has_taken_can_be_changed() {
    let database = tips().await;
    let mut connection = database.pool.acquire().await.unwrap();
    let pull = TableQuery {
        order_by: Vec::new(),
        limit: 1,
        pull: true,
        ..columns("tips", &["id"])
    };
    pull_rows(&mut connection, &pull, Puller { job: 1, step: "a" })
        .await
        .unwrap();
    assert_eq!(
        update(&database, &filter("id = 1"), json!({"state": "done"}), 1)
            .await
            .unwrap(),
        1
    );
}

#[tokio::test]
async fn a_change_without_a_filter_or_of_what_is_not_to_be_changed_is_refused() {
    let database = tips().await;
    let every = filter("n > 0");
    for (filter, values, limit, said) in [
        (
            &Filter::default(),
            json!({"state": "x"}),
            1,
            "rows of table `tips` cannot be changed: it needs a filter; write which rows are meant",
        ),
        (
            &every,
            json!({}),
            1,
            "rows of table `tips` cannot be changed: nothing is to be changed; name a column and its value",
        ),
        (
            &every,
            json!({"state": "x", "pulled_by": null}),
            1,
            "rows of table `tips` cannot be changed: column `pulled_by` is filled when a row is stored; leave it out",
        ),
        (
            &every,
            json!({"id": 1}),
            1,
            "rows of table `tips` cannot be changed: column `id` is filled when a row is stored; leave it out",
        ),
        (
            &every,
            json!({"state": "\0"}),
            1,
            "rows of table `tips` cannot be changed: the value for `state` holds the character NUL; leave that out",
        ),
        (
            &every,
            json!({"state": "x"}),
            0,
            "0 rows cannot be asked for; ask for 1 to 1000",
        ),
        (
            &every,
            json!({"stat": "x"}),
            1,
            "table `tips` has no column `stat`; its columns are `state`, `id`, `run_id`, `narrative`, `act`, `iteration`, \
             `model`, `prompt_hash`, `created_at`, `pulled_at`, `pulled_by`, `pulled_for`, `n`, `tags`",
        ),
    ] {
        let error = update(&database, filter, values, limit).await.unwrap_err();
        assert_eq!(error.to_string(), said);
    }
    let error = update(&database, &every, json!({"n": "many"}), 1).await.unwrap_err();
    assert!(
        crate::shelf::chain(&error).contains("invalid input syntax for type bigint: \"many\""),
        "{error}"
    );
    let unchanged = format!("select count(*) from {SCHEMA}.tips where state = 'new' and tags = '[]'");
    assert_eq!(database.row(&unchanged).await, "4");
}

#[tokio::test]
async fn a_change_has_as_long_as_a_read_and_the_rest_of_its_transaction_has_what_it_had() {
    let database = tips().await;
    database
        .execute(&format!(
            "create function public.note_limit() returns trigger language plpgsql as
               $$ begin new.state := current_setting('statement_timeout'); return new; end $$;
             create trigger note_limit before update on {SCHEMA}.tips for each row execute function public.note_limit()"
        ))
        .await;
    let mut transaction = database.pool.begin().await.unwrap();
    let limit = "select current_setting('statement_timeout')";
    let before: String = sqlx::query_scalar(limit).fetch_one(&mut *transaction).await.unwrap();
    assert_ne!(before, "10s");
    let values = rows(json!([{"n": 9}])).remove(0);
    let first = filter("n = 1");
    let changes = Changes {
        table: "tips",
        filter: &first,
        values: &values,
        limit: 1,
    };
    assert_eq!(update_rows(&mut transaction, &changes).await.unwrap(), 1);
    let no_column = filter("nothing = 1");
    let refused = Changes {
        filter: &no_column,
        ..changes
    };
    update_rows(&mut transaction, &refused).await.unwrap_err();
    let after: String = sqlx::query_scalar(limit).fetch_one(&mut *transaction).await.unwrap();
    assert_eq!(after, before);
    transaction.commit().await.unwrap();
    let state = format!("select state from {SCHEMA}.tips where n = 9");
    assert_eq!(database.row(&state).await, "10s");
}
