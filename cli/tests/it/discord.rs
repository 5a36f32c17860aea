//! Posts that reach Discord exactly once, whatever happens on the way.

use botticelli_testkit::{DiscordFault, RateLimitScope};
use serde_json::json;

use crate::stage::{CHANNEL, Stage, pipeline};

async fn stage_with(posts: &[&str]) -> Stage {
    let stage = Stage::new(&pipeline("manual", "discord")).await;
    for post in posts {
        stage.approve(post).await;
    }
    stage
}

fn all_published(posts: usize) -> String {
    format!(
        "(select count(*) from botticelli.deliveries where state = 'published') = {posts}
             and not exists (select from botticelli.jobs)"
    )
}

/// What the channel shows, and that every request had forbidden pings.
fn shown(stage: &Stage) -> Vec<String> {
    for request in stage.discord.requests() {
        assert_eq!(request.body["allowed_mentions"], json!({ "parse": [] }), "{request:?}");
    }
    let messages = stage.discord.messages(CHANNEL);
    messages.into_iter().map(|message| message.content).collect()
}

#[tokio::test]
async fn posts_are_published_with_their_ids_and_nobody_is_pinged() {
    let stage = stage_with(&["Hello @everyone!", "Good night."]).await;
    let worker = stage.worker().await;
    stage.enqueue("posting").await;
    stage.database.until(&all_published(2)).await;
    assert_eq!(shown(&stage), ["Hello @everyone!", "Good night."]);
    let ids: Vec<String> = stage
        .discord
        .messages(CHANNEL)
        .into_iter()
        .map(|message| message.id)
        .collect();
    let recorded = "select message_id from botticelli.deliveries order by approved_post_id";
    assert_eq!(stage.database.rows(recorded).await, ids);
    let unposted = "select count(*) from botticelli.approved_posts where posted_at is null";
    assert_eq!(stage.database.row(unposted).await, "0");

    stage.enqueue("posting").await;
    stage
        .database
        .until("(select count(*) from botticelli.job_history) = 2")
        .await;
    assert_eq!(stage.runs().await, ["posting|1|success", "posting|1|skipped"]);
    assert!(!worker.output().contains("a-token"));
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_not_published_twice() {
    let stage = stage_with(&[]).await;
    let _worker = stage.worker().await;
    let losses = [
        (DiscordFault::CommitThen500, "After an error."),
        (DiscordFault::CommitThenReset, "After a reset."),
        (DiscordFault::CommitThenGarbage, "After half an answer."),
    ];
    for (published, (fault, text)) in (1..).zip(losses) {
        stage.approve(text).await;
        stage.discord.fail_next(fault);
        stage.enqueue("posting").await;
        stage.database.until(&all_published(published)).await;
    }
    assert_eq!(
        shown(&stage),
        ["After an error.", "After a reset.", "After half an answer."]
    );
    assert_eq!(
        stage.database.rows("select sends from botticelli.deliveries").await,
        ["2", "2", "2"]
    );
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_and_a_refused_token_leaves_the_post_for_later() {
    let stage = stage_with(&["Patience."]).await;
    stage.discord.fail_next(DiscordFault::RateLimited {
        scope: RateLimitScope::User,
        retry_after: 0.3,
    });
    let _worker = stage.worker().await;
    stage.enqueue("posting").await;
    stage.database.until(&all_published(1)).await;
    assert_eq!(shown(&stage), ["Patience."]);
    assert_eq!(stage.runs().await, ["posting|1|failure", "posting|2|success"]);

    stage.approve("Later.").await;
    stage.discord.fail_next(DiscordFault::Refused {
        status: 401,
        code: 0,
        message: "401: Unauthorized".to_owned(),
    });
    stage.enqueue("posting").await;
    stage
        .database
        .until("exists (select from botticelli.job_history where state = 'discarded')")
        .await;
    let reason = "select error_message from botticelli.actor_server_executions order by id desc limit 1";
    assert!(
        stage
            .database
            .row(reason)
            .await
            .starts_with("the credential is refused; renew the token")
    );
    let waiting = "select state, job_id, message_id from botticelli.deliveries order by id desc limit 1";
    assert_eq!(stage.database.row(waiting).await, "planned||");

    stage.enqueue("posting").await;
    stage.database.until(&all_published(2)).await;
    assert_eq!(shown(&stage), ["Patience.", "Later."]);
}

#[tokio::test]
async fn a_text_that_discord_never_takes_is_given_up_and_the_next_one_is_published() {
    let long = "x".repeat(2001);
    let stage = stage_with(&[&long, "Short."]).await;
    let _worker = stage.worker().await;
    stage.enqueue("posting").await;
    stage
        .database
        .until("exists (select from botticelli.job_history)")
        .await;
    assert_eq!(shown(&stage), ["Short."]);
    let states = "select state, error is not null from botticelli.deliveries order by approved_post_id";
    assert_eq!(stage.database.rows(states).await, ["failed|t", "published|f"]);
    assert_eq!(stage.runs().await, ["posting|1|failure"]);
}

#[tokio::test]
async fn a_channel_that_is_gone_keeps_its_posts() {
    let stage = stage_with(&["Wait."]).await;
    stage.discord.remove_channel(CHANNEL);
    let _worker = stage.worker().await;
    stage.enqueue("posting").await;
    stage
        .database
        .until("exists (select from botticelli.job_history where state = 'discarded')")
        .await;
    let waiting = "select state, job_id from botticelli.deliveries";
    assert_eq!(stage.database.row(waiting).await, "planned|");
}

#[tokio::test]
async fn a_worker_killed_between_discords_answer_and_its_record_publishes_once() {
    let stage = stage_with(&["Once."]).await;
    let (_scheduler, mut victim) = tokio::join!(stage.scheduler(), stage.worker());
    stage.discord.hold();
    stage.discord.fail_next(DiscordFault::CommitThenHold);
    stage.enqueue("posting").await;
    let request = stage.discord.request(1).await;
    // Whoever finds this row later knows that, when, and under which nonce a message may have been published.
    let begun = "select state, nonce, first_sent_at is not null, sends from botticelli.deliveries";
    let nonce = request.body["nonce"].as_str().unwrap();
    assert_eq!(stage.database.row(begun).await, format!("sending|{nonce}|t|1"));
    stage.discord.message(1).await;
    victim.kill();
    victim.exit().await;
    stage.discord.release();

    let _heir = stage.worker().await;
    stage.database.until(&all_published(1)).await;
    assert_eq!(shown(&stage), ["Once."]);
    assert_eq!(stage.runs().await, ["posting|1|lost", "posting|2|success"]);
    assert_eq!(stage.discord.requests()[1].body["nonce"], nonce);
    let id = &stage.discord.messages(CHANNEL)[0].id;
    assert_eq!(
        stage
            .database
            .rows("select message_id from botticelli.deliveries")
            .await,
        [id.as_str()]
    );
}

#[tokio::test]
async fn a_message_that_discord_may_have_forgotten_is_left_to_a_person() {
    let stage = stage_with(&["Perhaps."]).await;
    let (_scheduler, mut victim) = tokio::join!(stage.scheduler(), stage.worker());
    stage.discord.hold();
    stage.discord.fail_next(DiscordFault::CommitThenHold);
    stage.enqueue("posting").await;
    stage.discord.message(1).await;
    victim.kill();
    victim.exit().await;
    stage.discord.release();
    stage.discord.forget_nonces();
    stage
        .database
        .execute("update botticelli.deliveries set first_sent_at = now() - interval '1 hour'")
        .await;

    let _heir = stage.worker().await;
    stage
        .database
        .until("exists (select from botticelli.deliveries where state = 'unconfirmed')")
        .await;
    stage.database.until("not exists (select from botticelli.jobs)").await;
    assert_eq!(shown(&stage), ["Perhaps."]);
    assert_eq!(stage.discord.requests().len(), 1);
    assert_eq!(stage.runs().await, ["posting|1|lost", "posting|2|failure"]);
}
