//! Deliveries: each post once per channel, and no doubt about what may have been sent.

use std::time::Duration;

use botticelli_posts::{
    Delivery, DeliveryState, begin_send, fail, in_hand, mark_unconfirmed, next_undelivered, published,
    record_published, release, unsend,
};
use botticelli_testkit::TestDatabase;
use chrono::DateTime;

use crate::shelf::{plan_delivery, with_approved};

async fn hand(database: &TestDatabase, job: i64) -> Vec<Delivery> {
    in_hand(&database.pool, job, "discord", "1", 10).await.unwrap()
}

async fn begin(database: &TestDatabase, delivery: i64) -> Duration {
    let mut connection = database.pool.acquire().await.unwrap();
    begin_send(&mut connection, delivery, "nonce").await.unwrap()
}

async fn end_job(database: &TestDatabase, job: i64) {
    let mut connection = database.pool.acquire().await.unwrap();
    release(&mut connection, &[job]).await.unwrap();
}

async fn states(database: &TestDatabase) -> Vec<String> {
    let query = "select state, job_id, message_id, error from botticelli.deliveries order by id";
    database.rows(query).await
}

#[tokio::test]
async fn a_post_is_planned_once_for_a_channel() {
    let database = with_approved(&["A."]).await;
    assert!(plan_delivery(&database, 10, 1).await);
    assert!(!plan_delivery(&database, 11, 1).await);
    assert!(!plan_delivery(&database, 11, 99).await, "there is no such post");
    assert_eq!(states(&database).await, ["planned|10||"]);
}

#[tokio::test]
async fn the_next_post_is_the_oldest_that_nobody_is_planning() {
    let database = with_approved(&["A.", "B.", "C."]).await;
    plan_delivery(&database, 10, 1).await;
    let next = async |transaction: &mut sqlx::PgConnection| {
        let post = next_undelivered(transaction, "discord", "1").await.unwrap();
        post.map(|post| post.row["text_content"].clone())
    };
    let mut one = database.pool.begin().await.unwrap();
    let mut other = database.pool.begin().await.unwrap();
    assert_eq!(next(&mut one).await, Some("B.".into()));
    assert_eq!(next(&mut other).await, Some("C.".into()));
    one.rollback().await.unwrap();
    assert_eq!(next(&mut other).await, Some("B.".into()));
}

#[tokio::test]
async fn a_job_goes_on_with_its_own_deliveries_and_with_planned_ones_of_nobody() {
    let database = with_approved(&["A.", "B.", "C."]).await;
    for (post, job) in [(1, 10), (2, 11), (3, 12)] {
        plan_delivery(&database, job, post).await;
    }
    begin(&database, 1).await;
    end_job(&database, 12).await;
    let mine: Vec<(i64, DeliveryState)> = hand(&database, 10)
        .await
        .into_iter()
        .map(|delivery| (delivery.approved_post_id, delivery.state))
        .collect();
    assert_eq!(mine, [(1, DeliveryState::Sending), (3, DeliveryState::Planned)]);
    assert_eq!(hand(&database, 11).await.len(), 1);
}

#[tokio::test]
async fn the_first_try_is_remembered_through_all_later_ones() {
    let database = with_approved(&["A."]).await;
    plan_delivery(&database, 10, 1).await;
    assert!(begin(&database, 1).await < Duration::from_secs(5));
    database
        .execute("update botticelli.deliveries set first_sent_at = now() - interval '1 hour'")
        .await;
    assert!(begin(&database, 1).await >= Duration::from_hours(1));
    assert_eq!(
        database
            .row("select state, nonce, sends, last_sent_at > first_sent_at from botticelli.deliveries")
            .await,
        "sending|nonce|2|t"
    );
}

#[tokio::test]
async fn a_published_message_is_recorded_once_whoever_holds_the_job() {
    let database = with_approved(&["A."]).await;
    plan_delivery(&database, 10, 1).await;
    begin(&database, 1).await;
    for message in ["m1", "m2"] {
        record_published(&database.pool, 1, message).await.unwrap();
    }
    assert_eq!(states(&database).await, ["published||m1|"]);
    let posted = "select posted_at = published_at from botticelli.approved_posts, botticelli.deliveries";
    assert_eq!(database.row(posted).await, "t");
    let all = published(&database.pool, DateTime::UNIX_EPOCH).await.unwrap();
    assert_eq!(
        all.iter()
            .map(|post| (post.text.as_str(), post.message_id.as_str()))
            .collect::<Vec<_>>(),
        [("Hello.", "m1")]
    );
    // Nothing can follow: it is out.
    fail(&database.pool, 1, "late").await.unwrap();
    unsend(&database.pool, 1, "late").await.unwrap();
    end_job(&database, 10).await;
    assert_eq!(states(&database).await, ["published||m1|"]);
}

#[tokio::test]
async fn a_try_that_certainly_sent_nothing_leaves_the_delivery_as_it_was() {
    let database = with_approved(&["A."]).await;
    plan_delivery(&database, 10, 1).await;
    begin(&database, 1).await;
    unsend(&database.pool, 1, "rate limited").await.unwrap();
    assert_eq!(states(&database).await, ["planned|10||rate limited"]);
    let first = "select first_sent_at is null from botticelli.deliveries";
    assert_eq!(database.row(first).await, "t");
}

#[tokio::test]
async fn an_ended_job_leaves_planned_deliveries_to_the_next_and_begun_ones_to_a_person() {
    let database = with_approved(&["A.", "B."]).await;
    for post in [1, 2] {
        plan_delivery(&database, 10, post).await;
    }
    begin(&database, 1).await;
    end_job(&database, 10).await;
    assert_eq!(
        states(&database).await,
        [
            "unconfirmed|||the posting job ended without knowing whether the message was published",
            "planned|||"
        ]
    );
    let next: Vec<i64> = hand(&database, 11)
        .await
        .into_iter()
        .map(|delivery| delivery.id)
        .collect();
    assert_eq!(next, [2]);
    // The message turned up after all.
    record_published(&database.pool, 1, "m1").await.unwrap();
    assert_eq!(states(&database).await[0], "published||m1|");
}

#[tokio::test]
async fn a_delivery_that_is_over_is_in_nobodys_hand() {
    let database = with_approved(&["A.", "B."]).await;
    for post in [1, 2] {
        plan_delivery(&database, 10, post).await;
    }
    fail(&database.pool, 1, "too long").await.unwrap();
    mark_unconfirmed(&database.pool, 2, "who knows").await.unwrap();
    assert_eq!(
        states(&database).await,
        ["failed|||too long", "unconfirmed|||who knows"]
    );
    assert!(hand(&database, 10).await.is_empty());
    let mut connection = database.pool.acquire().await.unwrap();
    assert!(begin_send(&mut connection, 1, "nonce").await.is_err());
}
