//! Posting: publishes approved posts, once each.
//!
//! The order of writes is the promise. The text and the nonce are frozen in a delivery row; that a try begins is committed
//! before any byte leaves; the message's id is recorded as soon as the platform has answered. After a crash the delivery
//! is sent again only while the platform recognises the nonce, and is left to a person after that.

use std::{sync::Arc, time::Duration};

use botticelli_jobs::{BatchArgs, read_args};
use botticelli_narrative::{Narrative, Ports, RunOptions};
use botticelli_platforms::{Outgoing, Platform, Rejection, SendError, nonce_for};
use botticelli_posts::{
    Delivery, DeliveryState, NewDelivery, begin_send, fail, in_hand, mark_unconfirmed, next_undelivered, plan,
    record_published, unsend,
};
use botticelli_queue::{ClaimedJob, hold};
use botticelli_telemetry::{
    PostOutcome,
    context::{ParentMode, set_parent},
    names,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use tracing::Instrument;

use super::{narrative_of, tell};
use crate::{
    outcome::{JobFailure, Outcome, Work, chain, one_line},
    ports::{NoCheckpoints, PostTables},
    shop::{ActorSpec, Shop},
};

/// Waits between the tries of a delivery whose fate is unclear, while the platform recognises its nonce.
const RESEND_AFTER: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(8)];

pub(super) async fn run(shop: &Shop, actor: &ActorSpec, job: &ClaimedJob) -> Result<Outcome, JobFailure> {
    let args: BatchArgs = read_args(actor.kind, &job.args).map_err(|error| JobFailure::discard(&error))?;
    let limit = args.limit.map_or(actor.limit, std::num::NonZeroU32::get);
    let platform = match shop.platforms.get(actor.platform.as_str()) {
        Some(Ok(platform)) => platform,
        Some(Err(reason)) => {
            return Err(JobFailure::Discard(format!(
                "platform `{}` is not open: {reason}",
                actor.platform
            )));
        }
        None => {
            return Err(JobFailure::Discard(format!(
                "there is no platform `{}`",
                actor.platform
            )));
        }
    };
    let narrative = narrative_of(actor, None)?;
    if narrative.calls_model() {
        return Err(JobFailure::Discard(format!(
            "posting narrative `{}` asks a model: approved text is published as it was approved, so its acts may only read `approved_posts`",
            narrative.name()
        )));
    }
    let channel = actor.channel.as_deref().unwrap_or_default();
    let job_id = job.lease.job.0;
    let mut deliveries = in_hand(&shop.pool, job_id, platform.name(), channel, limit)
        .await
        .map_err(|error| JobFailure::retry(&error))?;
    if u32::try_from(deliveries.len()).is_ok_and(|count| count < limit) {
        for _ in deliveries.len()..limit as usize {
            if !plan_next(shop, job, &**platform, channel, &narrative).await? {
                break;
            }
        }
        deliveries = in_hand(&shop.pool, job_id, platform.name(), channel, limit)
            .await
            .map_err(|error| JobFailure::retry(&error))?;
    }
    if deliveries.is_empty() {
        return Ok(Outcome::skipped("no approved post waits for this channel"));
    }
    let mut messages = Vec::new();
    let mut failures = Vec::new();
    tell(shop, job, 0, deliveries.len()).await;
    for (delivery, number) in deliveries.iter().zip(1..) {
        match publish(shop, job, platform, delivery).await {
            Ok(Published::Message(id)) => messages.push(id),
            Ok(Published::Not(reason)) => failures.push(reason),
            Ok(Published::Later(failure)) if messages.is_empty() => return Err(failure),
            // The messages are this run's, and its execution shows them. What is left is planned and waits for another job.
            Ok(Published::Later(failure)) => {
                failures.push(failure.to_string());
                break;
            }
            // Its fate is unclear, and only this job may find out: it goes on in the next try.
            Err(JobFailure::Retry { error, after }) if !messages.is_empty() && !job.is_last_try() => {
                return Err(JobFailure::Retry {
                    error: format!("{error} (published before it: {})", messages.join(", ")),
                    after,
                });
            }
            Err(failure @ (JobFailure::Retry { .. } | JobFailure::Discard(_))) if !messages.is_empty() => {
                failures.push(failure.to_string());
                break;
            }
            Err(failure) => return Err(failure),
        }
        tell(shop, job, number, deliveries.len()).await;
    }
    Ok(Outcome {
        rows: Vec::new(),
        succeeded: u32::try_from(messages.len()).unwrap_or(u32::MAX),
        metadata: json!({ "platform": platform.name(), "channel": channel, "messages": messages }),
        work: Work::Stored,
        failures,
        traceparent: None,
    })
}

/// Plans the delivery of the oldest approved post without one. `false` when there is none.
async fn plan_next(
    shop: &Shop,
    job: &ClaimedJob,
    platform: &dyn Platform,
    channel: &str,
    narrative: &Narrative,
) -> Result<bool, JobFailure> {
    let retry = |error: &(dyn std::error::Error + 'static)| JobFailure::retry(error);
    let mut transaction = botticelli_database::transaction(&shop.pool)
        .await
        .map_err(|error| retry(&error))?;
    hold(&mut transaction, job.lease).await.map_err(|error| retry(&error))?;
    let post = next_undelivered(&mut transaction, platform.name(), channel)
        .await
        .map_err(|error| retry(&error))?;
    let Some(post) = post else { return Ok(false) };
    let tables = PostTables {
        in_hand: Some(("approved_posts", &post.row)),
        ..PostTables::default()
    };
    let ports = Ports {
        tables: &tables,
        ..Ports::bare(&shop.models, &NoCheckpoints)
    };
    let options = RunOptions::new(shop.timeouts);
    let run = botticelli_narrative::run(narrative, &ports, &options)
        .await
        .map_err(|error| JobFailure::discard(&error))?;
    let text = run
        .outputs
        .last()
        .map(|output| output.text.trim().to_owned())
        .unwrap_or_default();
    let payload = json!({ "text": text });
    let delivery = NewDelivery {
        approved_post_id: post.id,
        platform: platform.name(),
        channel,
        payload: &payload,
    };
    plan(&mut transaction, job.lease.job.0, &delivery)
        .await
        .map_err(|error| retry(&error))?;
    transaction.commit().await.map_err(|error| retry(&error))?;
    Ok(true)
}

enum Published {
    Message(String),
    Not(String),
    /// It certainly is not published and can be, once what stands in its way is gone.
    Later(JobFailure),
}

/// Publishes one delivery, or finds out that it cannot be.
async fn publish(
    shop: &Shop,
    job: &ClaimedJob,
    platform: &Arc<dyn Platform>,
    delivery: &Delivery,
) -> Result<Published, JobFailure> {
    let retry = |error: &(dyn std::error::Error + 'static)| JobFailure::retry(error);
    let nonce = nonce_for(delivery.id, u32::try_from(delivery.epoch).unwrap_or(0));
    let outgoing = Outgoing {
        channel: (!delivery.channel.is_empty()).then(|| delivery.channel.clone()),
        text: delivery
            .payload
            .get("text")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        nonce: nonce.clone(),
    };
    let window = platform.capabilities().idempotency_window.unwrap_or(Duration::ZERO);
    // True while every try so far has certainly published nothing.
    let mut clean = delivery.state == DeliveryState::Planned;
    let mut waits = RESEND_AFTER.iter();
    loop {
        let mut transaction = botticelli_database::transaction(&shop.pool)
            .await
            .map_err(|error| retry(&error))?;
        hold(&mut transaction, job.lease).await.map_err(|error| retry(&error))?;
        let since_first = begin_send(&mut transaction, delivery.id, &nonce)
            .await
            .map_err(|error| retry(&error))?;
        if !clean && since_first >= window {
            drop(transaction);
            let reason = "a try was cut off and the platform may have published it; look at the channel, then decide";
            mark_unconfirmed(&shop.pool, delivery.id, reason)
                .await
                .map_err(|error| retry(&error))?;
            shop.metrics.post(PostOutcome::Ambiguous);
            return Ok(Published::Not(format!("delivery {}: {reason}", delivery.id)));
        }
        transaction.commit().await.map_err(|error| retry(&error))?;

        match send(shop, platform, delivery, &outgoing).await? {
            Ok(message_id) => return Ok(Published::Message(message_id)),
            Err(SendError::NotSent { retry_after, detail }) => {
                let failure = JobFailure::Retry {
                    error: format!("delivery {}: {detail}", delivery.id),
                    after: retry_after,
                };
                return not_yet(shop, delivery, clean, failure).await;
            }
            // What nobody knows here would come again, and hold up every post behind this one.
            Err(error @ SendError::Rejected { class, .. })
                if error.is_about_the_content() || class == Rejection::Unknown =>
            {
                let reason = one_line(&chain(&error));
                fail(&shop.pool, delivery.id, &reason)
                    .await
                    .map_err(|error| retry(&error))?;
                shop.metrics.post(PostOutcome::Blocked);
                return Ok(Published::Not(format!("delivery {}: {reason}", delivery.id)));
            }
            Err(error @ SendError::Rejected { .. }) => {
                // The credential or the channel is at fault, not the post: it waits for the next job.
                return not_yet(shop, delivery, clean, JobFailure::discard(&error)).await;
            }
            Err(error @ SendError::Ambiguous { .. }) => {
                clean = false;
                let Some(wait) = waits.next() else {
                    return Err(retry(&error));
                };
                tracing::warn!(delivery.id = delivery.id, error = %error, "Sending delivery {} again with its nonce", delivery.id);
                tokio::time::sleep(*wait).await;
            }
        }
    }
}

/// Makes one try, and records the message that comes of it.
///
/// It is a task of its own, which goes on when the job is cut off: nobody but the platform's answer knows the message's id.
async fn send(
    shop: &Shop,
    platform: &Arc<dyn Platform>,
    delivery: &Delivery,
    outgoing: &Outgoing,
) -> Result<Result<String, SendError>, JobFailure> {
    let span = span_of(&**platform, delivery);
    let (pool, metrics) = (shop.pool.clone(), Arc::clone(&shop.metrics));
    let (platform, outgoing, id) = (Arc::clone(platform), outgoing.clone(), delivery.id);
    let attempt = async move {
        let sent = match platform.send(&outgoing).instrument(span).await {
            Ok(sent) => sent,
            Err(error) => return Ok(Err(error)),
        };
        record(&pool, id, &sent.message_id).await?;
        metrics.post(if sent.deduplicated {
            PostOutcome::Deduplicated
        } else {
            PostOutcome::Posted
        });
        tracing::info!(delivery.id = id, platform = platform.name(), "Published delivery {id}");
        Ok(Ok(sent.message_id))
    };
    match tokio::spawn(attempt.in_current_span()).await {
        Ok(attempted) => attempted,
        Err(error) => Err(JobFailure::retry(&error)),
    }
}

/// Puts off a delivery of which the last try published nothing. Unless an earlier one may have, it is planned again.
async fn not_yet(shop: &Shop, delivery: &Delivery, clean: bool, failure: JobFailure) -> Result<Published, JobFailure> {
    if !clean {
        return Err(failure);
    }
    unsend(&shop.pool, delivery.id, &one_line(&failure.to_string()))
        .await
        .map_err(|error| JobFailure::retry(&error))?;
    Ok(Published::Later(failure))
}

/// The span of one try, linked to the trace in which the post was written.
fn span_of(platform: &dyn Platform, delivery: &Delivery) -> tracing::Span {
    let span = tracing::info_span!(
        names::span::PUBLISH,
        otel.kind = "client",
        delivery.id = delivery.id,
        platform = platform.name()
    );
    if let Some(traceparent) = &delivery.traceparent {
        set_parent(&span, traceparent, ParentMode::Link);
    }
    span
}

/// Records the message. It exists by now, so a database that does not answer is asked again rather than given up on.
async fn record(pool: &PgPool, delivery_id: i64, message_id: &str) -> Result<(), JobFailure> {
    let mut wait = Duration::from_millis(100);
    loop {
        match record_published(pool, delivery_id, message_id).await {
            Ok(()) => return Ok(()),
            Err(error) if wait > Duration::from_secs(30) => return Err(JobFailure::retry(&error)),
            Err(error) => {
                tracing::warn!(delivery.id = delivery_id, error = %error, "Could not record the message of delivery {delivery_id} yet");
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
        }
    }
}
