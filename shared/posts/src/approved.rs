//! Decisions about potential posts, and the posts that passed.

use botticelli_database::sql;
use serde_json::Value;
use sqlx::{FromRow, PgConnection};

use crate::PostsError;

/// What a review decided about one post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The post.
    pub post_id: i64,
    /// Whether it may be published.
    pub approved: bool,
    /// The review's score, 1 to 10.
    pub score: i16,
    /// Why.
    pub reason: String,
}

/// Records a verdict on a post that `job_id` has in hand. Approving copies the text as it is, by SQL. `false` when the
/// post is not in this job's hand any more; nothing changes then.
///
/// # Errors
///
/// [`PostsError`] when a row could not be written.
pub async fn decide(
    connection: &mut PgConnection,
    job_id: i64,
    by: &str,
    verdict: &Verdict,
) -> Result<bool, PostsError> {
    let decided = sqlx::query(sql("with decided as (
           update botticelli.potential_posts
           set status = case when $3 then 'approved' else 'rejected' end, review_until = null, reviewed_at = now(),
               curation_score = $4, curation_notes = $5
           where id = $1 and status = 'in_review' and review_job_id = $2
           returning *
         ),
         copied as (
           insert into botticelli.approved_posts (
             potential_post_id, text_content, content_type, source, tags, curation_score, curation_notes, approved_by,
             traceparent
           )
           select id, text_content, content_type, source, tags, $4, $5, $6, traceparent from decided where $3
         )
         select from decided"))
    .bind(verdict.post_id)
    .bind(job_id)
    .bind(verdict.approved)
    .bind(verdict.score)
    .bind(&verdict.reason)
    .bind(by)
    .execute(connection)
    .await
    .map_err(PostsError::writing)?;
    Ok(decided.rows_affected() == 1)
}

/// An approved post that has no delivery to some channel yet.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Undelivered {
    /// The post.
    pub id: i64,
    /// The whole row, as an object by column.
    pub row: Value,
}

/// The oldest approved post without a delivery to this channel, locked until the caller's transaction ends; other callers
/// get the next one. A channel that is new does not get what was published elsewhere before it.
///
/// # Errors
///
/// [`PostsError`] when the statement fails.
pub async fn next_undelivered(
    connection: &mut PgConnection,
    platform: &str,
    channel: &str,
) -> Result<Option<Undelivered>, PostsError> {
    sqlx::query_as(sql(
        "select id, to_jsonb(post) as row from botticelli.approved_posts as post
         where not exists (
           select from botticelli.deliveries
           where approved_post_id = post.id and platform = $1 and channel = $2
         )
         and (
           posted_at is null
           or approved_at > (select min(created_at) from botticelli.deliveries where platform = $1 and channel = $2)
         )
         order by id limit 1
         for update skip locked",
    ))
    .bind(platform)
    .bind(channel)
    .fetch_optional(connection)
    .await
    .map_err(PostsError::reading)
}
