//! What each way to fail means, and commands of several requests.

use std::time::Duration;

use botticelli_platforms::{CommandCall, CommandError, CommandRunner, Rejection};
use botticelli_testkit::{DiscordFault, RateLimitScope, StubDiscord};
use serde_json::{Value, json};

use super::{CHANNEL, GUILD, call, discord, run, run_now, sent_message};
use crate::TestResult;

fn refused(status: u16, code: u64, message: &str) -> DiscordFault {
    let message = message.to_owned();
    DiscordFault::Refused { status, code, message }
}

fn limited(retry_after: f64) -> DiscordFault {
    DiscordFault::RateLimited {
        scope: RateLimitScope::User,
        retry_after,
    }
}

fn calls(stub: &StubDiscord) -> Vec<String> {
    let all = stub.requests().into_iter();
    all.map(|request| format!("{} {}", request.method, request.path.trim_start_matches("/api/v10/")))
        .collect()
}

/// Runs a call of which the second message meets a fault. The answer to the first waits until that is queued.
async fn second_fails(stub: &StubDiscord, call: &CommandCall, fault: DiscordFault) -> Result<Value, CommandError> {
    let path = format!("POST channels/{CHANNEL}/messages");
    stub.hold();
    stub.fail_call(&path, DiscordFault::CommitThenHold);
    let discord = discord(stub);
    let (outcome, ()) = tokio::join!(discord.run(call), async {
        stub.message(1).await;
        stub.fail_call(&path, fault);
        stub.release();
    });
    outcome
}

async fn failure(stub: &StubDiscord, command: &str, args: Value) -> Result<CommandError, &'static str> {
    run(stub, command, &args, None).await.err().ok_or("it was carried out")
}

#[tokio::test]
async fn a_missing_permission_is_named() -> TestResult {
    let stub = StubDiscord::start().await;
    let create = json!({ "guild_id": GUILD, "name": "x", "kind": "text" });
    let path = format!("POST guilds/{GUILD}/channels");
    stub.fail_call(&path, refused(403, 50013, "Missing Permissions"));
    let error = failure(&stub, "channels.create", create.clone()).await?;
    assert!(
        matches!(
            error,
            CommandError::Refused {
                class: Rejection::Permission,
                code: Some(50013),
                ..
            }
        ),
        "{error:?}"
    );
    let expected = "`channels.create` is refused (code 50013): the bot lacks a permission; grant it `Manage Channels` \
                    there: 403 Forbidden, Missing Permissions";
    assert_eq!(error.to_string(), expected);

    stub.fail_call(&path, refused(403, 50001, "Missing Access"));
    let error = failure(&stub, "channels.create", create).await?.to_string();
    assert!(
        error.contains("it must be in the server, see the channel and have `Manage Channels`"),
        "{error}"
    );
    assert!(stub.channels(GUILD).is_empty());
    Ok(())
}

#[tokio::test]
async fn a_rate_limit_is_not_done_and_says_how_long_to_wait() -> TestResult {
    let stub = StubDiscord::start().await;
    stub.fail_call(&format!("PUT guilds/{GUILD}/bans/5"), limited(2.5));
    let error = failure(&stub, "members.ban", json!({ "guild_id": GUILD, "user_id": "5" })).await?;
    assert_eq!(error.retry_after(), Some(Duration::from_millis(2500)));
    assert!(!error.may_have_acted());
    assert!(
        error
            .to_string()
            .starts_with("`members.ban` was not carried out, try again in 2.5s: 429"),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn a_write_of_unknown_outcome_is_told_from_a_look_that_failed() -> TestResult {
    let stub = StubDiscord::start().await;
    for fault in [
        DiscordFault::Unavailable,
        DiscordFault::CommitThenReset,
        DiscordFault::CommitThenGarbage,
    ] {
        stub.fail_call(&format!("POST guilds/{GUILD}/roles"), fault.clone());
        let error = failure(&stub, "roles.create", json!({ "guild_id": GUILD, "name": "x" })).await?;
        assert!(matches!(error, CommandError::Unknown { .. }), "{error:?}");
        assert!(error.may_have_acted());

        stub.fail_call(&format!("GET guilds/{GUILD}/roles"), fault);
        let error = failure(&stub, "roles.list", json!({ "guild_id": GUILD })).await?;
        assert!(
            matches!(error, CommandError::NotDone { retry_after: None, .. }),
            "{error:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_success_whose_body_broke_off_is_a_success_where_nothing_in_it_is_wanted() -> TestResult {
    let stub = StubDiscord::start().await;
    stub.fail_call("PATCH channels/7", DiscordFault::CommitThenGarbage);
    let answer = run(&stub, "threads.edit", &json!({ "thread_id": "7", "name": "x" }), None).await?;
    assert_eq!(answer, json!({ "success": true }));
    Ok(())
}

#[tokio::test]
async fn what_does_not_exist_is_said_to_be_gone() -> TestResult {
    let stub = StubDiscord::start().await;
    for (command, args) in [
        ("members.get", json!({ "guild_id": GUILD, "user_id": "404" })),
        ("roles.delete", json!({ "guild_id": GUILD, "role_id": "404" })),
        ("events.get", json!({ "guild_id": GUILD, "event_id": "404" })),
        ("members.unban", json!({ "guild_id": GUILD, "user_id": "404" })),
        ("messages.pin", json!({ "channel_id": CHANNEL, "message_id": "404" })),
    ] {
        let error = failure(&stub, command, args).await?;
        assert!(
            matches!(
                error,
                CommandError::Refused {
                    class: Rejection::TargetGone,
                    ..
                }
            ),
            "{command}: {error:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn arguments_are_checked_before_anything_is_sent() -> TestResult {
    let stub = StubDiscord::start().await;
    let error = failure(&stub, "channels.delete", json!({ "channel_id": "../guilds/1", "x": 1 })).await?;
    let CommandError::Arguments { problems, .. } = &error else {
        return Err(error.into());
    };
    assert_eq!(problems.len(), 2);
    assert!(stub.requests().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_reason_reaches_the_audit_log_whatever_is_in_it() -> TestResult {
    let stub = StubDiscord::start().await;
    let args = json!({ "guild_id": GUILD, "user_id": "5", "reason": "spam\r\nX: 1 – für alle" });
    run(&stub, "members.kick", &args, None).await?;
    let request = stub.request(1).await;
    assert_eq!(
        request.headers["x-audit-log-reason"],
        "spam%0D%0AX%3A%201%20%E2%80%93%20f%C3%BCr%20alle"
    );
    assert!(!request.headers.contains_key("x"));
    Ok(())
}

#[tokio::test]
async fn a_channel_is_made_once_however_often_it_is_asked_for() -> TestResult {
    let stub = StubDiscord::start().await;
    stub.add_channel(GUILD, "71", "daily-news", 4);
    let args = json!({ "guild_id": GUILD, "name": "Daily News", "channel_type": "text" });
    let made = run(&stub, "channels.get_or_create", &args, None).await?;
    assert_eq!((&made["existed"], &made["name"]), (&json!(false), &json!("daily-news")));
    let found = run(&stub, "channels.get_or_create", &args, None).await?;
    assert_eq!((&found["existed"], &found["id"]), (&json!(true), &made["id"]));
    assert_eq!(stub.channels(GUILD).len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_channel_that_was_made_without_our_knowing_is_found_again() -> TestResult {
    let stub = StubDiscord::start().await;
    let args = json!({ "guild_id": GUILD, "name": "welcome" });
    stub.fail_call(&format!("POST guilds/{GUILD}/channels"), DiscordFault::CommitThen500);
    let call = call("channels.get_or_create", &args, None);
    let error = discord(&stub).run(&call).await.err().ok_or("it was known")?;
    assert!(
        error.may_have_acted() && call.is_repeatable(Duration::ZERO),
        "{error:?}"
    );
    let found = discord(&stub).run(&call).await?;
    assert_eq!(found["existed"], true);
    assert_eq!(stub.channels(GUILD).len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_channel_list_that_cannot_be_read_makes_no_channel() -> TestResult {
    let stub = StubDiscord::start().await;
    stub.fail_call(&format!("GET guilds/{GUILD}/channels"), DiscordFault::Unavailable);
    let error = failure(
        &stub,
        "channels.get_or_create",
        json!({ "guild_id": GUILD, "name": "x" }),
    )
    .await?;
    assert!(matches!(error, CommandError::NotDone { .. }), "{error:?}");
    assert_eq!(stub.requests().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_channel_of_another_server_is_not_shown() -> TestResult {
    let stub = StubDiscord::start().await;
    stub.add_channel("2", CHANNEL, "secret", 0);
    let error = failure(
        &stub,
        "channels.get",
        json!({ "guild_id": GUILD, "channel_id": CHANNEL }),
    )
    .await?;
    assert!(
        error
            .to_string()
            .contains(&format!("channel {CHANNEL} is not in server {GUILD}")),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn a_long_text_becomes_several_messages_that_a_repeat_finds_again() -> TestResult {
    let stub = StubDiscord::start().await;
    let text = "🦀 Ferris ".repeat(500);
    let args = json!({ "channel_id": CHANNEL, "content": text });
    let path = format!("POST channels/{CHANNEL}/messages");
    let call = call("messages.send", &args, Some("nonce"));
    let sent = second_fails(&stub, &call, limited(0.01)).await?;
    assert_eq!(stub.requests().len(), 4);
    assert_eq!(sent["split_messages"], 3);
    let messages = stub.messages(CHANNEL);
    assert_eq!(
        sent["ids"],
        messages.iter().map(|message| json!(message.id)).collect::<Value>()
    );
    assert_eq!(sent["id"], messages[0].id);
    assert!(messages.iter().all(|message| message.content.chars().count() <= 2000));
    assert!(
        messages
            .iter()
            .all(|message| message.allowed_mentions == json!({ "parse": [] }))
    );
    let together: Vec<_> = messages
        .iter()
        .flat_map(|message| message.content.split_whitespace())
        .collect();
    assert_eq!(together, text.split_whitespace().collect::<Vec<_>>());

    assert!(call.is_repeatable(Duration::ZERO));
    stub.fail_call(&path, limited(0.01));
    assert!(discord(&stub).run(&call).await.is_err());
    assert_eq!(discord(&stub).run(&call).await?["ids"], sent["ids"]);
    assert_eq!(stub.messages(CHANNEL).len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_text_that_is_sent_in_part_says_what_stands() -> TestResult {
    let stub = StubDiscord::start().await;
    let args = json!({ "channel_id": CHANNEL, "content": "word ".repeat(600) });
    let call = call("messages.send", &args, None);
    assert!(!call.is_repeatable(Duration::ZERO));
    let outcome = second_fails(&stub, &call, refused(403, 50013, "Missing Permissions")).await;
    let error = outcome.err().ok_or("all of it was sent")?;
    let CommandError::Partly { done, source, .. } = &error else {
        return Err(error.into());
    };
    assert_eq!(
        *done,
        json!({ "ids": [stub.messages(CHANNEL)[0].id], "sent": 1, "of": 2 })
    );
    assert!(source.to_string().contains("`Send Messages`"), "{source}");
    assert!(error.may_have_acted());
    Ok(())
}

#[tokio::test]
async fn clearing_deletes_young_messages_in_bulk_and_old_ones_one_by_one() -> TestResult {
    let stub = StubDiscord::start().await;
    stub.backdate(Duration::from_hours(24 * 20));
    let old = [sent_message(&stub, "one").await?, sent_message(&stub, "two").await?];
    stub.backdate(Duration::ZERO);
    let young = [sent_message(&stub, "three").await?, sent_message(&stub, "four").await?];
    stub.fail_call(&format!("DELETE channels/{CHANNEL}/messages/{}", old[1]), limited(0.01));
    stub.fail_call(
        &format!("DELETE channels/{CHANNEL}/messages/{}", old[0]),
        refused(404, 10008, "Unknown Message"),
    );

    let cleared = run_now(&stub, "messages.clear", &json!({ "channel_id": CHANNEL })).await?;
    assert_eq!(cleared, json!({ "cleared": 4, "channel_id": CHANNEL }));
    let single = |id: &str| format!("DELETE channels/{CHANNEL}/messages/{id}");
    let expected = [
        format!("GET channels/{CHANNEL}/messages?limit=100"),
        format!("POST channels/{CHANNEL}/messages/bulk-delete"),
        single(&old[1]),
        single(&old[1]),
        single(&old[0]),
    ];
    assert_eq!(calls(&stub)[4..], expected);
    assert_eq!(stub.requests()[5].body, json!({ "messages": [young[1], young[0]] }));
    Ok(())
}

#[tokio::test]
async fn clearing_that_breaks_off_says_how_far_it_came() -> TestResult {
    let stub = StubDiscord::start().await;
    let first = sent_message(&stub, "one").await?;
    sent_message(&stub, "two").await?;
    stub.fail_call(
        &format!("DELETE channels/{CHANNEL}/messages/{first}"),
        DiscordFault::Reset,
    );
    let error = failure(&stub, "messages.clear", json!({ "channel_id": CHANNEL, "limit": 2 })).await?;
    let CommandError::Partly { done, .. } = &error else {
        return Err(error.into());
    };
    assert_eq!(done["cleared"], 1);
    assert_eq!(stub.messages(CHANNEL).len(), 1);
    Ok(())
}

#[tokio::test]
async fn an_empty_channel_is_cleared_by_looking() -> TestResult {
    let stub = StubDiscord::start().await;
    let cleared = run(&stub, "messages.clear", &json!({ "channel_id": CHANNEL }), None).await?;
    assert_eq!(cleared["cleared"], 0);
    assert_eq!(stub.requests().len(), 1);
    Ok(())
}

#[tokio::test]
async fn messages_too_old_for_bulk_are_named_before_anything_is_deleted() -> TestResult {
    let stub = StubDiscord::start().await;
    stub.backdate(Duration::from_hours(24 * 14));
    let old = sent_message(&stub, "old").await?;
    stub.backdate(Duration::ZERO);
    let young = sent_message(&stub, "young").await?;
    let args = json!({ "channel_id": CHANNEL, "message_ids": [young, old] });
    let error = run_now(&stub, "messages.bulk_delete", &args)
        .await
        .err()
        .ok_or("it was deleted")?;
    assert!(
        error
            .to_string()
            .contains(&format!("messages {old} are older than two weeks")),
        "{error}"
    );
    assert_eq!((stub.requests().len(), stub.messages(CHANNEL).len()), (2, 2));
    Ok(())
}

#[tokio::test]
async fn posts_of_a_forum_are_the_active_ones_and_then_the_archive() -> TestResult {
    let stub = StubDiscord::start().await;
    stub.add_channel(GUILD, CHANNEL, "questions", 15);
    stub.add_channel(GUILD, "88", "elsewhere", 15);
    let mut made = Vec::new();
    for (forum, name) in [(CHANNEL, "first"), (CHANNEL, "second"), ("88", "third")] {
        let post = json!({ "channel_id": forum, "name": name, "content": "Text" });
        made.push(run(&stub, "forum.create_post", &post, None).await?["thread_id"].clone());
    }
    run(
        &stub,
        "threads.edit",
        &json!({ "thread_id": made[0], "archived": true }),
        None,
    )
    .await?;
    let listed = run(&stub, "forum.list_posts", &json!({ "channel_id": CHANNEL }), None).await?;
    assert_eq!(listed["count"], 2);
    assert_eq!(
        (&listed["posts"][0]["id"], &listed["posts"][1]["id"]),
        (&made[1], &made[0])
    );
    let of_all = run(&stub, "threads.list", &json!({ "guild_id": GUILD }), None).await?;
    assert_eq!(of_all["count"], 2);
    let of_one = json!({ "guild_id": GUILD, "channel_id": "88" });
    let of_one = run(&stub, "threads.list", &of_one, None).await?;
    assert_eq!((&of_one["count"], &of_one["threads"][0]["id"]), (&json!(1), &made[2]));
    Ok(())
}

#[tokio::test]
async fn a_nonce_that_discord_would_refuse_sends_nothing() -> TestResult {
    let stub = StubDiscord::start().await;
    let args = json!({ "channel_id": CHANNEL, "content": "x" });
    let error = run(&stub, "messages.send", &args, Some(&"n".repeat(26)))
        .await
        .err()
        .ok_or("it was sent")?;
    assert!(error.to_string().contains("the nonce has 26 characters"), "{error}");
    assert!(stub.requests().is_empty());
    Ok(())
}

#[tokio::test]
async fn the_own_reaction_is_removed_where_nobody_is_named() -> TestResult {
    let stub = StubDiscord::start().await;
    let message = sent_message(&stub, "x").await?;
    let args = json!({ "channel_id": CHANNEL, "message_id": message, "emoji": "🦀" });
    run(&stub, "reactions.remove", &args, None).await?;
    let path = format!("DELETE channels/{CHANNEL}/messages/{message}/reactions/%F0%9F%A6%80/@me");
    assert_eq!(calls(&stub)[1], path);
    Ok(())
}
