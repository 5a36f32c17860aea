//! The posts of the fleet, also by the names that narratives from elsewhere know, and tables of other schemas.

use botticelli_content::{Changes, Puller};
use botticelli_content::{ReadError, ReadableTables, Shape, StoreError, check, pull_rows, read_rows, update_rows};
use botticelli_narrative::{Order, TableQuery};
use botticelli_testkit::{TestDatabase, database};
use serde_json::json;

use crate::shelf::{columns, filter, query, read, read_refusal, rows, store};

/// Posts in every state: pending, under review, rejected, approved, and approved and published.
async fn with_posts() -> TestDatabase {
    let database = database().await;
    database
        .execute(
            "insert into botticelli.potential_posts (text_content, source, tags, job_id, output_no, generated_at)
             select text, 'tell', '[\"news\"]', 1, number, '2026-01-01T00:00:00Z'::timestamptz + number * interval '1 day'
             from unnest(array['A.', 'B.', 'C.', 'D.', 'E.']) with ordinality as post (text, number);
             insert into botticelli.content_metadata (potential_post_id, actor, narrative, iteration, model)
             select id, 'writer', 'tell', 1, 'stub' from botticelli.potential_posts where id < 5;
             update botticelli.potential_posts
             set status = 'in_review', review_job_id = 9, review_until = now() where id = 2;
             update botticelli.potential_posts set status = 'rejected', curation_score = 2 where id = 3;
             update botticelli.potential_posts set status = 'approved', curation_score = 8 where id > 3;
             insert into botticelli.approved_posts (
               potential_post_id, text_content, content_type, source, tags, curation_score, curation_notes, approved_by,
               approved_at, posted_at
             )
             select id, text_content, content_type, source, tags, 8, 'Good.', 'curator', generated_at + interval '1 hour',
                    case when id = 4 then now() end
             from botticelli.potential_posts where id > 3",
        )
        .await;
    database
}

#[tokio::test]
async fn posts_are_read_by_the_names_of_their_tables() {
    let database = with_posts().await;
    let posts = TableQuery {
        filter: filter("status = 'pending'"),
        ..columns("potential_posts", &["id", "text_content", "tags"])
    };
    assert_eq!(
        read(&database, &posts).await,
        r#"[{"id":1,"text_content":"A.","tags":["news"]}]"#
    );
    let approved = TableQuery {
        filter: filter("curation_score >= 8 and posted_at is not null"),
        order_by: Order::parse("approved_at desc").unwrap(),
        ..columns("approved_posts", &["text_content"])
    };
    assert_eq!(read(&database, &approved).await, r#"[{"text_content":"D."}]"#);
    let origins = TableQuery {
        order_by: Vec::new(),
        limit: 1,
        ..columns("content_metadata", &["narrative", "model"])
    };
    assert_eq!(
        read(&database, &origins).await,
        r#"[{"narrative":"tell","model":"stub"}]"#
    );
}

#[tokio::test]
async fn posts_are_read_under_upstreams_names_with_its_columns_and_states() {
    let database = with_posts().await;
    let states = columns("potential_discord_posts", &["text_content", "review_status", "rating"]);
    assert_eq!(
        read(&database, &states).await,
        r#"[{"text_content":"A.","review_status":"pending","rating":null},{"text_content":"B.","review_status":"pending","rating":null},{"text_content":"C.","review_status":"rejected","rating":2},{"text_content":"D.","review_status":"approved","rating":8},{"text_content":"E.","review_status":"approved","rating":8}]"#
    );
    let one = TableQuery {
        limit: 1,
        ..query("potential_discord_posts")
    };
    assert_eq!(
        read(&database, &one).await,
        r#"[{"id":1,"text_content":"A.","content_type":"post","source":"tell","tags":["news"],"generated_at":"2026-01-02T00:00:00+00:00","source_narrative":"tell","source_act":null,"generation_model":"stub","review_status":"pending","rating":null}]"#
    );
}

/// The filter of upstream's shipped poster, which upstream drops, so that it posts the oldest row for ever.
#[tokio::test]
async fn the_next_post_of_upstreams_poster_is_one_that_is_not_published() {
    let database = with_posts().await;
    let next = TableQuery {
        filter: filter("review_status = 'pending'"),
        order_by: Order::parse("generated_at asc").unwrap(),
        limit: 1,
        ..query("approved_discord_posts")
    };
    assert_eq!(
        read(&database, &next).await,
        r#"[{"id":2,"text_content":"E.","content_type":"post","source":"tell","tags":["news"],"generated_at":"2026-01-06T01:00:00+00:00","source_narrative":null,"source_act":null,"generation_model":null,"review_status":"pending","rating":8,"curation_score":8,"curation_notes":"Good."}]"#
    );
}

#[tokio::test]
async fn the_rest_of_the_fleet_and_of_the_database_cannot_be_read() {
    let database = with_posts().await;
    for table in ["jobs", "deliveries", "narrative_state", "pg_authid", "pg_class"] {
        let error = read_refusal(&database, &query(table)).await;
        assert!(matches!(error, ReadError::NoSuchTable { .. }), "{error}");
    }
    for table in [
        "botticelli.jobs",
        "botticelli.potential_posts",
        "pg_catalog.pg_class",
        "botticelli_content.tips",
        "a.b.c",
    ] {
        let error = read_refusal(&database, &query(table)).await;
        assert!(matches!(error, ReadError::NotAllowed { .. }), "{error}");
        assert_eq!(
            error.to_string(),
            format!(
                "table `{table}` is not one that narratives may read, which is for the settings to allow; the tables that \
                 they can read are `potential_posts`, `approved_posts`, `content_metadata`, `potential_discord_posts`, \
                 `approved_discord_posts`"
            )
        );
    }
}

#[tokio::test]
async fn a_table_of_another_schema_is_read_exactly_when_it_is_allowed() {
    let database = with_posts().await;
    database
        .execute(
            "create schema crm; create table crm.people (name text, \"Odd Column\" int); insert into crm.people values ('Ada', 1);
             create table crm.secrets (word text)",
        )
        .await;
    let readable = ReadableTables::named(["crm.people", "crm.gone"]).unwrap();
    let read = async |table: &str| {
        let rows = read_rows(&database.pool, &query(table), &readable).await;
        rows.map(|rows| serde_json::to_string(&rows).unwrap())
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        read("crm.people").await.as_deref(),
        Ok(r#"[{"name":"Ada","Odd Column":1}]"#)
    );
    let refusal = read("crm.gone").await.unwrap_err();
    assert!(
        refusal.starts_with("there is no table `crm.gone`; ") && refusal.contains("`crm.people`"),
        "{refusal}"
    );
    let refusal = read("crm.secrets").await.unwrap_err();
    assert!(
        refusal.starts_with("table `crm.secrets` is not one that narratives may read") && !refusal.contains("`people`"),
        "{refusal}"
    );
    for name in ["people", "crm.People", "crm.", ".people", "a.b.c", "crm.people\0", ""] {
        assert!(ReadableTables::named([name]).is_err(), "{name:?}");
    }
}

#[tokio::test]
async fn posts_are_neither_taken_nor_changed_nor_stored_here() {
    let database = with_posts().await;
    let mut connection = database.pool.acquire().await.unwrap();
    for table in [
        "potential_posts",
        "approved_posts",
        "content_metadata",
        "approved_discord_posts",
    ] {
        let pull = TableQuery {
            pull: true,
            ..query(table)
        };
        let puller = Puller { job: 1, step: "a" };
        let refusal = pull_rows(&mut connection, &pull, puller).await.unwrap_err();
        assert!(
            refusal.to_string().starts_with(&format!(
                "rows of table `{table}` cannot be taken: curation and posting move posts on"
            )),
            "{refusal}"
        );
        let mistakes = check(&database.pool, &pull, &ReadableTables::default()).await.unwrap();
        assert_eq!(mistakes[0].detail, refusal.to_string());
        let changes = Changes {
            table,
            filter: &filter("id = 1"),
            values: &rows(json!([{"text_content": "Mine."}]))[0],
            limit: 1,
        };
        let refusal = update_rows(&mut connection, &changes).await.unwrap_err();
        assert_eq!(
            refusal.to_string(),
            format!("rows of table `{table}` cannot be changed: curation and posting move posts on")
        );
        let error = store(&database, table, Shape::Inferred, json!([{"text_content": "Mine."}]))
            .await
            .unwrap_err();
        assert!(
            matches!(&error, StoreError::FleetTable(name) if name == table),
            "{error}"
        );
    }
}
