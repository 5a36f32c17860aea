//! Targets that are made here: their columns, and what is stored in them.

use botticelli_content::{Batch, ReadableTables, Shape, StoreError, Target, ensure_target, store_batches};
use botticelli_narrative::TableQuery;
use botticelli_testkit::{TestDatabase, database};
use serde_json::{Value, json};

use crate::shelf::{ORIGIN, SCHEMA, columns, query, read, refusal, rows, shape_of, store};

async fn ensure(database: &TestDatabase, table: &str, shape: Shape<'_>) -> Result<(), StoreError> {
    let mut transaction = database.pool.begin().await.unwrap();
    ensure_target(&mut transaction, &Target { table, shape }).await?;
    transaction.commit().await.unwrap();
    Ok(())
}

#[tokio::test]
async fn columns_are_inferred_from_all_rows_and_may_be_empty() {
    let database = database().await;
    let objects = json!([
        {"title": "Tea", "score": 1, "ratio": 1, "hot": true, "tags": [], "by": {"name": "Ada"}, "note": null, "mixed": 1},
        {"title": "Coffee", "score": 2, "ratio": 0.5, "tags": ["a"], "by": null, "mixed": "two"},
    ]);
    assert_eq!(store(&database, "tips", Shape::Inferred, objects).await.unwrap(), 2);
    assert_eq!(
        shape_of(&database, "tips").await,
        [
            "title text",
            "score bigint",
            "ratio double precision",
            "hot boolean",
            "tags jsonb",
            "by jsonb",
            "note text",
            "mixed text"
        ]
    );
    assert_eq!(
        read(
            &database,
            &columns(
                "tips",
                &["id", "title", "score", "ratio", "hot", "tags", "by", "note", "mixed"]
            )
        )
        .await,
        r#"[{"id":1,"title":"Tea","score":1,"ratio":1,"hot":true,"tags":[],"by":{"name":"Ada"},"note":null,"mixed":"1"},{"id":2,"title":"Coffee","score":2,"ratio":0.5,"hot":null,"tags":["a"],"by":null,"note":null,"mixed":"two"}]"#
    );
}

#[tokio::test]
async fn a_row_says_where_it_comes_from() {
    let database = database().await;
    store(&database, "tips", Shape::Inferred, json!([{"title": "Tea"}]))
        .await
        .unwrap();
    assert_eq!(
        database
            .row(&format!(
                "select id, run_id, narrative, act, iteration, model, prompt_hash, created_at <= now() from {SCHEMA}.tips"
            ))
            .await,
        "1|7|tell|last|1|stub|abc|t"
    );
}

#[tokio::test]
async fn a_declared_schema_gives_types_and_what_must_be_there() {
    let database = database().await;
    let schema = json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "text_content": {"type": "string"},
                "score": {"type": "number"},
                "count": {"type": "integer"},
                "at": {"type": "string", "format": "date-time"},
                "on": {"type": "string", "format": "date"},
                "key": {"type": "string", "format": "uuid"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "kind": {"enum": ["a", "b"]},
                "note": {"type": ["string", "null"]},
            },
            "required": ["text_content", "score", "note"],
        },
    });
    ensure(&database, "posts", Shape::Declared(&schema)).await.unwrap();
    assert_eq!(
        shape_of(&database, "posts").await,
        [
            "text_content text!",
            "score double precision!",
            "count bigint",
            "at timestamp with time zone",
            "on date",
            "key uuid",
            "tags jsonb",
            "kind text",
            "note text"
        ]
    );
    let whole = json!([{
        "text_content": "A.", "score": 8, "count": 3.0, "at": "2026-03-01T12:00:00+02:00", "on": "2026-03-01",
        "key": "11111111-2222-3333-4444-555555555555", "tags": ["x"], "kind": "a", "note": null,
    }]);
    store(&database, "posts", Shape::Declared(&schema), whole)
        .await
        .unwrap();
    assert_eq!(
        read(&database, &columns("posts", &["score", "count", "at", "on", "key"])).await,
        r#"[{"score":8,"count":3,"at":"2026-03-01T10:00:00+00:00","on":"2026-03-01","key":"11111111-2222-3333-4444-555555555555"}]"#
    );
    let second = |value: Value| json!([{"text_content": "A.", "score": 8}, value]);
    for (wrong, said) in [
        (
            json!({"text_content": "B."}),
            "row 2 has nothing for column `score` of table `posts`, where every row has a value; let the schema require it",
        ),
        (
            json!({"text_content": null, "score": 1}),
            "row 2 has nothing for column `text_content` of table `posts`, where every row has a value; let the schema \
             require it",
        ),
        (
            json!({"text_content": "B.", "score": "high"}),
            "row 2: property `score` does not fit into column `score` of table `posts`, which is double precision: invalid \
             input syntax for type double precision: \"high\"",
        ),
        (
            json!({"text_content": "B.", "score": 1, "count": 1.5}),
            "row 2: property `count` does not fit into column `count` of table `posts`, which is bigint: invalid input \
             syntax for type bigint: \"1.5\"",
        ),
        (
            json!({"text_content": "B.", "score": 1, "at": "some day"}),
            "row 2: property `at` does not fit into column `at` of table `posts`, which is timestamp with time zone: invalid \
             input syntax for type timestamp with time zone: \"some day\"",
        ),
        (
            json!({"text_content": "B.", "score": 1, "key": 5}),
            "row 2: property `key` does not fit into column `key` of table `posts`, which is uuid: invalid input syntax for \
             type uuid: \"5\"",
        ),
    ] {
        assert_eq!(
            refusal(&database, "posts", Shape::Declared(&schema), second(wrong)).await,
            said
        );
    }
    assert_eq!(database.row(&format!("select count(*) from {SCHEMA}.posts")).await, "1");
}

#[tokio::test]
async fn a_schema_that_describes_no_rows_is_refused() {
    let database = database().await;
    let error = ensure(&database, "posts", Shape::Declared(&json!({"type": "string"})))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the schema of target `posts` describes neither an object nor an array of objects; give it `properties`"
    );
    ensure(&database, "posts", Shape::Declared(&json!({"type": "object"})))
        .await
        .unwrap();
    assert_eq!(shape_of(&database, "posts").await, [""; 0]);
}

#[tokio::test]
async fn a_template_gives_the_columns_of_another_table() {
    let database = database().await;
    database
        .execute(
            "create schema crm;
             create table crm.people (id serial primary key, name varchar(5) not null default 'x', \"Born On\" date, marks int[])",
        )
        .await;
    let readable = ReadableTables::named(["crm.people"]).unwrap();
    let like_people = Shape::Like {
        template: "crm.people",
        readable: &readable,
    };
    ensure(&database, "guests", like_people).await.unwrap();
    assert_eq!(
        shape_of(&database, "guests").await,
        ["name character varying(5)", "born_on date", "marks integer[]"]
    );
    let guests = json!([{"name": "Ada", "Born On": "1815-12-10", "marks": []}, {"marks": [1, 2]}]);
    store(&database, "guests", like_people, guests).await.unwrap();
    assert_eq!(
        read(&database, &columns("guests", &["name", "born_on", "marks"])).await,
        r#"[{"name":"Ada","born_on":"1815-12-10","marks":[]},{"name":null,"born_on":null,"marks":[1,2]}]"#
    );
    assert_eq!(
        refusal(&database, "guests", like_people, json!([{"name": "Ada Lovelace"}])).await,
        "row 1: property `name` does not fit into column `name` of table `guests`, which is character varying(5): value too \
         long for type character varying(5)"
    );
    let like_posts = Shape::Like {
        template: "potential_discord_posts",
        readable: &readable,
    };
    ensure(&database, "drafts", like_posts).await.unwrap();
    assert_eq!(
        shape_of(&database, "drafts").await[..4],
        ["text_content text", "content_type text", "source text", "tags jsonb"]
    );
    let error = ensure(
        &database,
        "others",
        Shape::Like {
            template: "crm.secrets",
            readable: &readable,
        },
    )
    .await
    .unwrap_err();
    assert!(
        crate::shelf::chain(&error).starts_with(
            "the template of target `others` cannot be used: table `crm.secrets` is not one that narratives may read"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn properties_are_stored_under_names_that_need_no_quotes() {
    let database = database().await;
    let longest = "x".repeat(70);
    let object = json!([{
        "id": 5, "createdAt": "then", "model": "T", "Text Content": "a", "isHot?": true, "2nd": 2, "select": "s",
        "like": 1, longest.clone(): "long",
    }]);
    store(&database, "tips", Shape::Inferred, object.clone()).await.unwrap();
    let cut = format!("{} text", "x".repeat(63));
    assert_eq!(
        shape_of(&database, "tips").await,
        [
            "id_ bigint",
            "created_at_ text",
            "model_ text",
            "text_content text",
            "is_hot boolean",
            "_2nd bigint",
            "select text",
            "like bigint",
            cut.as_str(),
        ]
    );
    // They find their columns again, also in another spelling.
    let again = json!([{"ID": 6, "created_at": "now", "textContent": "b", "IS_HOT": false, "LIKE": 2}]);
    store(&database, "tips", Shape::Inferred, again).await.unwrap();
    store(&database, "tips", Shape::Inferred, object).await.unwrap();
    let liked = TableQuery {
        filter: crate::shelf::filter("\"like\" = 2"),
        ..columns("tips", &["id", "id_", "created_at_", "text_content", "is_hot"])
    };
    assert_eq!(
        read(&database, &liked).await,
        r#"[{"id":2,"id_":6,"created_at_":"now","text_content":"b","is_hot":false}]"#
    );
    assert_eq!(shape_of(&database, "tips").await.len(), 9);
}

#[tokio::test]
async fn names_that_cannot_be_columns_or_would_be_one_column_are_refused() {
    let database = database().await;
    assert_eq!(
        refusal(&database, "tips", Shape::Inferred, json!([{"日本語": 1}])).await,
        "property `日本語` for table `tips` has no letter of a-z and no digit to name a column with; name it otherwise in \
         the schema"
    );
    assert_eq!(
        refusal(
            &database,
            "tips",
            Shape::Inferred,
            json!([{"title": "a", "Title": "b"}])
        )
        .await,
        "properties `title` and `Title` would both be column `title` of table `tips`; keep one of them"
    );
    let schema = json!({"type": "object", "properties": {"a b": {}, "a_b": {}}});
    assert_eq!(
        refusal(&database, "tips", Shape::Declared(&schema), json!([])).await,
        "properties `a b` and `a_b` would both be column `a_b` of table `tips`; keep one of them"
    );
    // In different rows they are one column.
    store(
        &database,
        "tips",
        Shape::Inferred,
        json!([{"title": "a"}, {"Title": "b"}]),
    )
    .await
    .unwrap();
    assert_eq!(
        read(&database, &columns("tips", &["title"])).await,
        r#"[{"title":"a"},{"title":"b"}]"#
    );
}

#[tokio::test]
async fn later_rows_bring_new_columns_up_to_a_bound() {
    let database = database().await;
    store(&database, "tips", Shape::Inferred, json!([{"title": "Tea"}]))
        .await
        .unwrap();
    store(
        &database,
        "tips",
        Shape::Inferred,
        json!([{"title": "Coffee", "score": 1}]),
    )
    .await
    .unwrap();
    assert_eq!(shape_of(&database, "tips").await, ["title text", "score bigint"]);
    assert_eq!(
        read(&database, &columns("tips", &["title", "score"])).await,
        r#"[{"title":"Tea","score":null},{"title":"Coffee","score":1}]"#
    );
    let sprawling: serde_json::Map<String, Value> =
        (0..300).map(|number| (format!("p{number}"), json!(number))).collect();
    assert_eq!(
        refusal(&database, "tips", Shape::Inferred, json!([sprawling])).await,
        "table `tips` would have 313 columns, more than 250: its rows have ever new properties; give the act a schema, and \
         put what varies into one property"
    );
    assert_eq!(
        refusal(&database, "tips", Shape::Inferred, json!([{"score": "good"}])).await,
        "row 1: property `score` does not fit into column `score` of table `tips`, which is bigint: invalid input syntax \
         for type bigint: \"good\""
    );
}

#[tokio::test]
async fn no_rows_make_an_empty_table_and_empty_rows_are_rows() {
    let database = database().await;
    assert_eq!(store(&database, "tips", Shape::Inferred, json!([])).await.unwrap(), 0);
    assert_eq!(read(&database, &query("tips")).await, "[]");
    assert_eq!(
        store(&database, "tips", Shape::Inferred, json!([{}, {}]))
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        read(&database, &columns("tips", &["id", "narrative"])).await,
        r#"[{"id":1,"narrative":"tell"},{"id":2,"narrative":"tell"}]"#
    );
}

#[tokio::test]
async fn what_a_transaction_stores_is_there_with_it_or_not_at_all() {
    let database = database().await;
    let mut transaction = database.pool.begin().await.unwrap();
    let (tips, facts) = (rows(json!([{"title": "Tea"}])), rows(json!([{"fact": 1}, {"fact": 2}])));
    let batch = |table, rows| Batch {
        target: Target {
            table,
            shape: Shape::Inferred,
        },
        rows,
        origin: ORIGIN,
    };
    let batches = [batch("tips", &tips), batch("facts", &facts), batch("tips", &tips)];
    assert_eq!(store_batches(&mut transaction, &batches).await.unwrap(), 4);
    transaction.rollback().await.unwrap();
    assert_eq!(
        database
            .row("select count(*) from pg_namespace where nspname = 'botticelli_content'")
            .await,
        "0"
    );

    let mut transaction = database.pool.begin().await.unwrap();
    let wrong = rows(json!([{"fact": "three"}, {"title": "x", "Title": "y"}]));
    let batches = [batch("facts", &facts), batch("tips", &wrong)];
    assert!(store_batches(&mut transaction, &batches).await.is_err());
    // The transaction is still good for saying so, and nothing of the row at fault is in it.
    sqlx::query("select 1").execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(database.row(&format!("select count(*) from {SCHEMA}.tips")).await, "0");
}

#[tokio::test]
async fn of_several_batches_the_one_at_fault_is_told() {
    let database = database().await;
    let (good, title) = (rows(json!([{"title": "a"}])), rows(json!([{"title": "a"}, {"!": 1}])));
    let (number, text) = (rows(json!([{"n": 1}])), rows(json!([{"n": 2}, {"n": "many"}])));
    let batch = |table, rows| Batch {
        target: Target {
            table,
            shape: Shape::Inferred,
        },
        rows,
        origin: ORIGIN,
    };
    store(&database, "numbers", Shape::Inferred, json!([{"n": 1}]))
        .await
        .unwrap();
    for (batches, at_fault, said) in [
        (
            vec![batch("tips", &good), batch("numbers", &number), batch("tips", &title)],
            2,
            "property `!` for table `tips` has no letter",
        ),
        (
            vec![batch("tips", &good), batch("numbers", &number), batch("numbers", &text)],
            2,
            "row 2: property `n` does not fit into column `n` of table `numbers`",
        ),
        (
            vec![batch("tips", &good), batch("Tips", &good)],
            1,
            "`Tips` is no name for a target",
        ),
    ] {
        let mut transaction = database.pool.begin().await.unwrap();
        let refused = store_batches(&mut transaction, &batches).await.unwrap_err();
        assert_eq!(refused.batch, at_fault, "{refused}");
        assert!(refused.to_string().starts_with(said), "{refused}");
    }
}

#[tokio::test]
async fn the_schema_of_another_fleet_is_left_alone() {
    let database = database().await;
    database
        .execute("create schema botticelli_content; create table botticelli_content._sqlx_migrations (); create table botticelli_content.jobs ()")
        .await;
    assert_eq!(
        refusal(&database, "tips", Shape::Inferred, json!([{"title": "Tea"}])).await,
        "schema `botticelli_content` holds another fleet, and the tables of narratives cannot be there; give that fleet \
         another `[server] schema`"
    );
    let error = crate::shelf::read_refusal(&database, &query("jobs")).await;
    assert!(
        matches!(error, botticelli_content::ReadError::NoSuchTable { .. }),
        "{error}"
    );
}
