//! What the tables refuse, whoever writes to them.

use botticelli_testkit::TestDatabase;
use sqlx::AssertSqlSafe;

use crate::shelf::{plan_delivery, with_approved};

/// The name of the constraint that `statement` breaks.
async fn broken(database: &TestDatabase, statement: &str) -> String {
    let refused = sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&database.pool)
        .await
        .expect_err(statement);
    let refused = refused.into_database_error().unwrap();
    refused.constraint().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_rule_about_posts_and_deliveries_has_a_name_and_holds() {
    let database = with_approved(&["A."]).await;
    plan_delivery(&database, 10, 1).await;
    for (statement, constraint) in [
        (
            "update botticelli.deliveries set state = 'published'",
            "published_has_a_message",
        ),
        (
            "update botticelli.deliveries set message_id = 'm', published_at = now()",
            "published_has_a_message",
        ),
        (
            "update botticelli.deliveries set state = 'sending'",
            "sending_has_begun",
        ),
        ("update botticelli.deliveries set state = 'sent'", "state_is_known"),
        (
            "insert into botticelli.deliveries (approved_post_id, platform, channel, payload)
             select approved_post_id, platform, channel, payload from botticelli.deliveries",
            "one_delivery_per_channel",
        ),
        (
            "insert into botticelli.approved_posts (
               potential_post_id, text_content, content_type, source, tags, curation_score, curation_notes, approved_by
             )
             select potential_post_id, 'Another text.', content_type, source, tags, 8, 'Good.', 'nobody'
             from botticelli.approved_posts",
            "approved_once",
        ),
        (
            "update botticelli.potential_posts set status = 'in_review'",
            "reviewer_iff_in_review",
        ),
        (
            "update botticelli.potential_posts set status = 'lost'",
            "status_is_known",
        ),
        (
            "update botticelli.potential_posts set text_content = E' \\n\\t'",
            "text_is_not_blank",
        ),
        (
            "insert into botticelli.potential_posts (text_content, source, job_id, output_no) values ('B.', 'x', 1, 1)",
            "one_post_per_job_output",
        ),
    ] {
        assert_eq!(broken(&database, statement).await, constraint, "{statement}");
    }
}

#[tokio::test]
async fn a_publication_is_announced_to_whoever_listens() {
    let database = with_approved(&["A."]).await;
    plan_delivery(&database, 10, 1).await;
    let mut listener = sqlx::postgres::PgListener::connect_with(&database.pool).await.unwrap();
    listener.listen("botticelli_published").await.unwrap();
    botticelli_posts::record_published(&database.pool, 1, "m1")
        .await
        .unwrap();
    assert_eq!(listener.recv().await.unwrap().payload(), "1");
}
