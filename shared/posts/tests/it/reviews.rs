//! Potential posts: stored once, in one reviewer's hand at a time, and copied by SQL.

use std::time::Duration;

use botticelli_posts::{Verdict, decide, release, store_drafts, take_for_review, waiting};
use botticelli_testkit::TestDatabase;

use crate::shelf::{WRITER, draft, with_approved, with_posts};

const LONG: Duration = Duration::from_mins(20);

/// The ids that `job` takes in hand.
async fn take(database: &TestDatabase, job: i64, limit: u32, hold: Duration) -> Vec<i64> {
    let posts = take_for_review(&database.pool, job, limit, hold).await.unwrap();
    posts.into_iter().map(|post| post.id).collect()
}

async fn judge(database: &TestDatabase, job: i64, post_id: i64, approved: bool) -> bool {
    let verdict = Verdict {
        post_id,
        approved,
        score: 7,
        reason: "Fine.".to_owned(),
    };
    let mut connection = database.pool.acquire().await.unwrap();
    decide(&mut connection, job, "curation", &verdict).await.unwrap()
}

#[tokio::test]
async fn storing_the_drafts_of_a_job_again_stores_nothing() {
    let database = with_posts(&["A.", "B."]).await;
    let mut connection = database.pool.acquire().await.unwrap();
    let again = [draft("Another A."), draft("Another B."), draft("C.")];
    let stored = store_drafts(&mut connection, "generation", WRITER, &again, None)
        .await
        .unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!(
        database
            .rows("select text_content from botticelli.potential_posts order by id")
            .await,
        ["A.", "B.", "C."]
    );
}

#[tokio::test]
async fn two_reviewers_never_have_the_same_post() {
    let database = with_posts(&["A.", "B.", "C."]).await;
    assert_eq!(take(&database, 10, 2, LONG).await, [1, 2]);
    assert_eq!(take(&database, 11, 2, LONG).await, [3]);
    assert_eq!(take(&database, 12, 2, LONG).await, [0; 0]);
}

#[tokio::test]
async fn reviewers_that_come_at_once_share_the_posts() {
    let texts: Vec<String> = (0..40).map(|number| format!("Post {number}.")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let database = with_posts(&texts).await;
    let (one, two, three, four) = tokio::join!(
        take(&database, 10, 10, LONG),
        take(&database, 11, 10, LONG),
        take(&database, 12, 10, LONG),
        take(&database, 13, 10, LONG)
    );
    let mut taken = [one, two, three, four].concat();
    let number = taken.len();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), number, "a post was taken twice");
}

#[tokio::test]
async fn a_job_that_runs_again_finds_its_own_posts_first() {
    let database = with_posts(&["A.", "B.", "C."]).await;
    assert_eq!(take(&database, 11, 1, LONG).await, [1]);
    assert_eq!(take(&database, 10, 1, LONG).await, [2]);
    assert_eq!(take(&database, 10, 1, LONG).await, [2]);
    assert_eq!(take(&database, 10, 2, LONG).await, [2, 3]);
}

#[tokio::test]
async fn a_post_that_was_held_too_long_goes_to_the_next_reviewer() {
    let database = with_posts(&["A."]).await;
    assert_eq!(take(&database, 10, 1, Duration::ZERO).await, [1]);
    assert_eq!(take(&database, 11, 1, LONG).await, [1]);
    assert!(!judge(&database, 10, 1, true).await, "it is in another hand now");
    assert!(judge(&database, 11, 1, true).await);
}

#[tokio::test]
async fn approving_copies_the_text_as_it_is_and_once() {
    let text = "  \"Quoted\", 'quoted', $1, \\n\n\tand 🎨.  ";
    let database = with_posts(&[text]).await;
    take(&database, 10, 1, LONG).await;
    assert!(judge(&database, 10, 1, true).await);
    assert!(!judge(&database, 10, 1, true).await);
    assert!(!judge(&database, 10, 1, false).await);
    let copied = "select approved.text_content = potential.text_content, approved.tags, approved.curation_score,
                         approved.curation_notes, approved.approved_by
                  from botticelli.approved_posts as approved
                  join botticelli.potential_posts as potential on potential.id = potential_post_id";
    assert_eq!(database.rows(copied).await, [r#"t|["news"]|7|Fine.|curation"#]);
}

#[tokio::test]
async fn a_rejected_post_keeps_its_reason_and_goes_nowhere() {
    let database = with_posts(&["A."]).await;
    take(&database, 10, 1, LONG).await;
    assert!(judge(&database, 10, 1, false).await);
    let post = "select status, curation_score, curation_notes, review_until from botticelli.potential_posts";
    assert_eq!(database.row(post).await, "rejected|7|Fine.|");
    assert_eq!(
        database.row("select count(*) from botticelli.approved_posts").await,
        "0"
    );
    assert_eq!(take(&database, 11, 1, LONG).await, [0; 0]);
}

#[tokio::test]
async fn a_post_that_nobody_has_in_hand_cannot_be_decided_on() {
    let database = with_posts(&["A."]).await;
    assert!(!judge(&database, 10, 1, true).await);
    assert!(!judge(&database, 10, 99, true).await);
}

#[tokio::test]
async fn an_ended_job_lets_go_of_what_it_did_not_decide() {
    let database = with_posts(&["A.", "B.", "C."]).await;
    take(&database, 10, 2, LONG).await;
    take(&database, 11, 1, LONG).await;
    judge(&database, 10, 1, true).await;
    let mut connection = database.pool.acquire().await.unwrap();
    release(&mut connection, &[10]).await.unwrap();
    assert_eq!(
        database
            .rows("select status, review_job_id from botticelli.potential_posts order by id")
            .await,
        ["approved|10", "pending|", "in_review|11"]
    );
}

#[tokio::test]
async fn what_waits_is_what_nobody_has_read_yet() {
    let database = with_approved(&["A.", "B."]).await;
    assert_eq!(waiting(&database.pool).await.unwrap(), 2);
    database
        .execute("update botticelli.approved_posts set posted_at = now() where id = 1")
        .await;
    assert_eq!(waiting(&database.pool).await.unwrap(), 1);
    let mut connection = database.pool.acquire().await.unwrap();
    store_drafts(&mut connection, "generation", 2, &[draft("C."), draft("D.")], None)
        .await
        .unwrap();
    assert_eq!(waiting(&database.pool).await.unwrap(), 3);
    take(&database, 10, 1, LONG).await;
    assert_eq!(waiting(&database.pool).await.unwrap(), 3);
    judge(&database, 10, 3, false).await;
    assert_eq!(waiting(&database.pool).await.unwrap(), 2);
}
