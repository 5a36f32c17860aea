//! Texts that a generation wrote and nobody has decided on.

use std::time::Duration;

use botticelli_database::sql;
use serde_json::Value;
use sqlx::{FromRow, PgConnection, PgPool};

use crate::PostsError;

/// A text to be stored as a potential post, with where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What would be published.
    pub text: String,
    /// Its title, where the narrative gave one.
    pub title: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// The narrative that wrote it.
    pub narrative: String,
    /// The round of the carousel, from 1.
    pub iteration: u32,
    /// The model that wrote it.
    pub model: Option<String>,
    /// The narrative's whole output.
    pub output: Option<Value>,
}

/// Stores the drafts of a finished generation job, in order. Storing the same job's drafts again stores nothing.
///
/// # Errors
///
/// [`PostsError`] when a row could not be written.
pub async fn store_drafts(
    connection: &mut PgConnection,
    actor: &str,
    job_id: i64,
    drafts: &[Draft],
    traceparent: Option<&str>,
) -> Result<Vec<i64>, PostsError> {
    let mut stored = Vec::with_capacity(drafts.len());
    for (output_no, draft) in (1_i32..).zip(drafts) {
        let id: Option<i64> = sqlx::query_scalar(sql(
            "with post as (
               insert into botticelli.potential_posts (text_content, source, tags, job_id, output_no, traceparent)
               values ($1, $2, $3, $4, $5, $6)
               on conflict on constraint one_post_per_job_output do nothing
               returning id
             ),
             noted as (
               insert into botticelli.content_metadata (potential_post_id, actor, narrative, iteration, title, model, output)
               select id, $7, $2, $8, $9, $10, $11 from post
             )
             select id from post",
        ))
        .bind(&draft.text)
        .bind(&draft.narrative)
        .bind(Value::from(draft.tags.clone()))
        .bind(job_id)
        .bind(output_no)
        .bind(traceparent)
        .bind(actor)
        .bind(i32::try_from(draft.iteration).unwrap_or(i32::MAX))
        .bind(&draft.title)
        .bind(&draft.model)
        .bind(&draft.output)
        .fetch_optional(&mut *connection)
        .await
        .map_err(PostsError::writing)?;
        stored.extend(id);
    }
    Ok(stored)
}

/// A potential post that a curation job has in hand.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct InReview {
    /// The post.
    pub id: i64,
    /// Its text.
    pub text: String,
    /// The whole row, as an object by column.
    pub row: Value,
    /// The trace it was written in.
    pub traceparent: Option<String>,
}

/// Takes up to `limit` posts in hand for a curation job, oldest first, its own from an earlier attempt included. Others
/// leave them alone for `hold`, which should outlast the job.
///
/// # Errors
///
/// [`PostsError`] when the statement fails.
pub async fn take_for_review(
    pool: &PgPool,
    job_id: i64,
    limit: u32,
    hold: Duration,
) -> Result<Vec<InReview>, PostsError> {
    let mut posts: Vec<InReview> = sqlx::query_as(sql("with open as materialized (
           select id from botticelli.potential_posts
           where status = 'pending' or (status = 'in_review' and (review_job_id = $1 or review_until < now()))
           order by status = 'in_review' and review_job_id = $1 desc, id
           limit $2
           for update skip locked
         )
         update botticelli.potential_posts as post
         set status = 'in_review', review_job_id = $1, review_until = now() + make_interval(secs => $3)
         from open where post.id = open.id
         returning post.id, post.text_content as text, to_jsonb(post) as row, post.traceparent"))
    .bind(job_id)
    .bind(i64::from(limit))
    .bind(hold.as_secs_f64())
    .fetch_all(pool)
    .await
    .map_err(PostsError::writing)?;
    posts.sort_by_key(|post| post.id);
    Ok(posts)
}

/// How many posts wait: potential ones for a decision and approved ones for their publication. An approved post whose
/// delivery has failed or is unconfirmed waits for a person, and is not counted.
///
/// # Errors
///
/// [`PostsError`] when the statement fails.
pub async fn waiting(pool: &PgPool) -> Result<i64, PostsError> {
    sqlx::query_scalar(sql(
        "select (select count(*) from botticelli.potential_posts where status in ('pending', 'in_review'))
              + (select count(*) from botticelli.approved_posts as post
                 where posted_at is null
                   and not exists (
                     select from botticelli.deliveries
                     where approved_post_id = post.id and state in ('failed', 'unconfirmed')
                   ))",
    ))
    .fetch_one(pool)
    .await
    .map_err(PostsError::reading)
}
