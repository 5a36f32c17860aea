//! A database with posts in it.

use botticelli_posts::{Draft, NewDelivery, plan, store_drafts};
use botticelli_testkit::{TestDatabase, database};
use serde_json::json;

/// The job that wrote the posts.
pub(crate) const WRITER: i64 = 1;

pub(crate) fn draft(text: &str) -> Draft {
    Draft {
        text: text.to_owned(),
        title: None,
        tags: vec!["news".to_owned()],
        narrative: "say".to_owned(),
        iteration: 1,
        model: Some("stub".to_owned()),
        output: None,
    }
}

/// Potential posts with these texts; their ids begin at 1.
pub(crate) async fn with_posts(texts: &[&str]) -> TestDatabase {
    let database = database().await;
    let drafts: Vec<Draft> = texts.iter().map(|text| draft(text)).collect();
    let mut connection = database.pool.acquire().await.unwrap();
    store_drafts(&mut connection, "generation", WRITER, &drafts, None)
        .await
        .unwrap();
    drop(connection);
    database
}

/// Approved posts with these texts; their ids begin at 1.
pub(crate) async fn with_approved(texts: &[&str]) -> TestDatabase {
    let database = with_posts(texts).await;
    database
        .execute(
            "with approved as (update botticelli.potential_posts set status = 'approved' returning *)
             insert into botticelli.approved_posts (
               potential_post_id, text_content, content_type, source, tags, curation_score, curation_notes, approved_by
             )
             select id, text_content, content_type, source, tags, 8, 'Good.', 'a test' from approved order by id",
        )
        .await;
    database
}

/// Plans the delivery of a post to channel `1` of Discord.
pub(crate) async fn plan_delivery(database: &TestDatabase, job_id: i64, approved_post_id: i64) -> bool {
    let mut connection = database.pool.acquire().await.unwrap();
    let delivery = NewDelivery {
        approved_post_id,
        platform: "discord",
        channel: "1",
        payload: &json!({ "text": "Hello." }),
    };
    plan(&mut connection, job_id, &delivery).await.unwrap()
}
