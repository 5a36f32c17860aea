//! Deliveries: the intent to publish one post to one channel, and what came of it.
//!
//! `planned → sending → published | failed | unconfirmed`. A delivery in `sending` may have been published: it is only
//! sent again while the platform recognises the same nonce, and is `unconfirmed` (a person decides) after that.

use std::time::Duration;

use botticelli_database::sql;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{FromRow, PgConnection, PgPool};

use crate::PostsError;

/// Where a delivery that is not finished stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum DeliveryState {
    /// Nothing has been sent.
    Planned,
    /// A try was begun; it may have been published.
    Sending,
}

/// A delivery that a posting job has in hand.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Delivery {
    /// The delivery.
    pub id: i64,
    /// The post.
    pub approved_post_id: i64,
    /// The channel, empty where the platform has none.
    pub channel: String,
    /// The message, as planned.
    pub payload: Value,
    /// Which nonce of the delivery is in use.
    pub epoch: i32,
    /// Where it stands.
    pub state: DeliveryState,
    /// The trace the post was written in.
    pub traceparent: Option<String>,
}

/// What to publish where.
#[derive(Debug, Clone, Copy)]
pub struct NewDelivery<'a> {
    /// The post.
    pub approved_post_id: i64,
    /// The platform's name.
    pub platform: &'a str,
    /// The channel, empty where the platform has none.
    pub channel: &'a str,
    /// The message, frozen from here on.
    pub payload: &'a Value,
}

/// A published delivery.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct PublishedPost {
    /// The delivery.
    pub id: i64,
    /// The platform.
    pub platform: String,
    /// The channel.
    pub channel: String,
    /// The text that was published.
    pub text: String,
    /// The platform's id of the message.
    pub message_id: String,
    /// When.
    pub published_at: DateTime<Utc>,
}

/// Plans the delivery of one post and takes it in hand for `job_id`. `false` when the post has one to this channel.
///
/// # Errors
///
/// [`PostsError`] when the row could not be written.
pub async fn plan(connection: &mut PgConnection, job_id: i64, delivery: &NewDelivery<'_>) -> Result<bool, PostsError> {
    let planned = sqlx::query(sql(
        "insert into botticelli.deliveries (approved_post_id, platform, channel, payload, job_id, traceparent)
         select id, $2, $3, $4, $5, traceparent from botticelli.approved_posts where id = $1
         on conflict on constraint one_delivery_per_channel do nothing",
    ))
    .bind(delivery.approved_post_id)
    .bind(delivery.platform)
    .bind(delivery.channel)
    .bind(delivery.payload)
    .bind(job_id)
    .execute(connection)
    .await
    .map_err(PostsError::writing)?;
    Ok(planned.rows_affected() == 1)
}

/// The unfinished deliveries of a channel that `job_id` may go on with: its own, and planned ones that no job has in hand.
///
/// # Errors
///
/// [`PostsError`] when the rows could not be taken.
pub async fn in_hand(
    pool: &PgPool,
    job_id: i64,
    platform: &str,
    channel: &str,
    limit: u32,
) -> Result<Vec<Delivery>, PostsError> {
    let mut deliveries: Vec<Delivery> = sqlx::query_as(sql("with open as materialized (
           select id from botticelli.deliveries
           where platform = $2 and channel = $3 and state in ('planned', 'sending')
             and (job_id = $1 or (job_id is null and state = 'planned'))
           order by job_id is null, id
           limit $4
           for update skip locked
         )
         update botticelli.deliveries as delivery set job_id = $1
         from open where delivery.id = open.id
         returning delivery.id, approved_post_id, channel, payload, epoch, state, traceparent"))
    .bind(job_id)
    .bind(platform)
    .bind(channel)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
    .map_err(PostsError::writing)?;
    deliveries.sort_by_key(|delivery| delivery.id);
    Ok(deliveries)
}

/// Notes that a try begins, in a transaction that must commit before any byte leaves. Gives the time since the first try
/// began, by the database's clock; nearly zero when this is the first.
///
/// # Errors
///
/// [`PostsError`] when the row could not be written, or the delivery is not unfinished any more.
pub async fn begin_send(connection: &mut PgConnection, delivery_id: i64, nonce: &str) -> Result<Duration, PostsError> {
    let seconds: f64 = sqlx::query_scalar(sql("update botticelli.deliveries
         set state = 'sending', nonce = $2, sends = sends + 1, last_sent_at = clock_timestamp(),
             first_sent_at = coalesce(first_sent_at, clock_timestamp())
         where id = $1 and state in ('planned', 'sending')
         returning greatest(extract(epoch from clock_timestamp() - first_sent_at), 0)::float8"))
    .bind(delivery_id)
    .bind(nonce)
    .fetch_one(connection)
    .await
    .map_err(PostsError::writing)?;
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// Notes that the last try certainly published nothing: the delivery is planned again, as if it had not been begun.
///
/// Only right for a delivery whose earlier tries published nothing either. Does nothing when another try has begun since:
/// a worker that was stopped for a while must not undo what its successor did.
///
/// # Errors
///
/// [`PostsError`] when the row could not be written.
pub async fn unsend(pool: &PgPool, delivery_id: i64, error: &str) -> Result<(), PostsError> {
    sqlx::query(sql(
        "update botticelli.deliveries set state = 'planned', first_sent_at = null, sends = 0, error = $2
         where id = $1 and state = 'sending' and sends = 1",
    ))
    .bind(delivery_id)
    .bind(error)
    .execute(pool)
    .await
    .map_err(PostsError::writing)?;
    Ok(())
}

/// Records the published message. Not fenced by the job's lease on purpose: the message exists, whoever holds the job.
///
/// # Errors
///
/// [`PostsError`] when the rows could not be written.
pub async fn record_published(pool: &PgPool, delivery_id: i64, message_id: &str) -> Result<(), PostsError> {
    sqlx::query(sql("with delivered as (
           update botticelli.deliveries
           set state = 'published', message_id = $2, published_at = clock_timestamp(), error = null, job_id = null
           where id = $1 and state <> 'published'
           returning approved_post_id, published_at
         )
         update botticelli.approved_posts as post set posted_at = coalesce(post.posted_at, delivered.published_at)
         from delivered where post.id = delivered.approved_post_id"))
    .bind(delivery_id)
    .bind(message_id)
    .execute(pool)
    .await
    .map_err(PostsError::writing)?;
    Ok(())
}

/// Notes that the platform will never take this message, and why.
///
/// # Errors
///
/// [`PostsError`] when the row could not be written.
pub async fn fail(pool: &PgPool, delivery_id: i64, error: &str) -> Result<(), PostsError> {
    end(pool, delivery_id, "failed", error).await
}

/// Notes that nobody can tell whether the message was published; a person decides.
///
/// # Errors
///
/// [`PostsError`] when the row could not be written.
pub async fn mark_unconfirmed(pool: &PgPool, delivery_id: i64, error: &str) -> Result<(), PostsError> {
    end(pool, delivery_id, "unconfirmed", error).await
}

async fn end(pool: &PgPool, delivery_id: i64, state: &str, error: &str) -> Result<(), PostsError> {
    sqlx::query(sql(
        "update botticelli.deliveries set state = $2, error = $3, job_id = null
         where id = $1 and state in ('planned', 'sending')",
    ))
    .bind(delivery_id)
    .bind(state)
    .bind(error)
    .execute(pool)
    .await
    .map_err(PostsError::writing)?;
    Ok(())
}

/// Lets go of what jobs that have ended had in hand: planned deliveries and posts in review wait for the next job, begun
/// deliveries are unconfirmed.
///
/// # Errors
///
/// [`PostsError`] when the rows could not be written.
pub async fn release(connection: &mut PgConnection, job_ids: &[i64]) -> Result<(), PostsError> {
    if job_ids.is_empty() {
        return Ok(());
    }
    sqlx::query(sql(
        "with deliveries as (
           update botticelli.deliveries
           set job_id = null,
               state = case state when 'sending' then 'unconfirmed' else state end,
               error = case state
                 when 'sending' then coalesce(error || '; ', '') || 'the posting job ended without knowing whether the message was published'
                 else error
               end
           where job_id = any ($1) and state in ('planned', 'sending')
         )
         update botticelli.potential_posts set status = 'pending', review_job_id = null, review_until = null
         where status = 'in_review' and review_job_id = any ($1)",
    ))
    .bind(job_ids)
    .execute(connection)
    .await
    .map_err(PostsError::writing)?;
    Ok(())
}

/// The jobs that have deliveries or posts in hand, whether they still exist or not.
///
/// # Errors
///
/// [`PostsError`] when the rows could not be read.
pub async fn jobs_in_hand(connection: &mut PgConnection) -> Result<Vec<i64>, PostsError> {
    sqlx::query_scalar(sql(
        "select job_id from botticelli.deliveries where state in ('planned', 'sending') and job_id is not null
         union
         select review_job_id from botticelli.potential_posts where status = 'in_review'",
    ))
    .fetch_all(connection)
    .await
    .map_err(PostsError::reading)
}

/// The deliveries published after `after`, oldest first.
///
/// # Errors
///
/// [`PostsError`] when the rows could not be read.
pub async fn published(pool: &PgPool, after: DateTime<Utc>) -> Result<Vec<PublishedPost>, PostsError> {
    sqlx::query_as(sql(
        "select id, platform, channel, coalesce(payload ->> 'text', '') as text, message_id, published_at
         from botticelli.deliveries where state = 'published' and published_at > $1 order by published_at, id",
    ))
    .bind(after)
    .fetch_all(pool)
    .await
    .map_err(PostsError::reading)
}
