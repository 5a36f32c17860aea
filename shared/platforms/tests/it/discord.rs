//! Posting to Discord: what is sent, and what each way to fail allows.

use std::time::Duration;

use botticelli_platforms::{
    Discord, DiscordOptions, InvalidDiscordOptions, Outgoing, Platform, Rejection, SendError, nonce_for,
};
use botticelli_testkit::{DiscordFault, RateLimitScope, StubDiscord};
use serde_json::json;

use crate::TestResult;

const CHANNEL: &str = "1100000000000000001";

fn options(stub: &StubDiscord) -> DiscordOptions {
    DiscordOptions {
        base_url: stub.url(),
        ..DiscordOptions::new("secret-token".into())
    }
}

fn discord(stub: &StubDiscord) -> Result<Discord, InvalidDiscordOptions> {
    Discord::new(&options(stub))
}

fn post(delivery_id: i64) -> Outgoing {
    let text = "Hello @everyone, the release is out.".to_owned();
    Outgoing {
        channel: Some(CHANNEL.to_owned()),
        text,
        nonce: nonce_for(delivery_id, 0),
    }
}

async fn failure(discord: &Discord, delivery: &Outgoing) -> Result<SendError, &'static str> {
    discord.send(delivery).await.err().ok_or("it was published")
}

#[tokio::test]
async fn a_message_goes_out_with_its_nonce_enforced_and_nobody_pinged() -> TestResult {
    let stub = StubDiscord::start().await;
    let sent = discord(&stub)?.send(&post(1)).await?;

    let messages = stub.messages(CHANNEL);
    assert_eq!(messages.len(), 1);
    assert_eq!(
        (&messages[0].id, messages[0].content.as_str()),
        (&sent.message_id, post(1).text.as_str())
    );
    assert!(!sent.deduplicated);

    let request = stub.request(1).await;
    assert_eq!(request.path, format!("/api/v10/channels/{CHANNEL}/messages"));
    assert_eq!(
        request.body,
        json!({
            "content": post(1).text,
            "nonce": nonce_for(1, 0),
            "enforce_nonce": true,
            "allowed_mentions": { "parse": [] },
        })
    );
    assert_eq!(request.headers["authorization"], "Bot secret-token");
    assert!(
        request.headers["user-agent"]
            .to_str()?
            .starts_with("DiscordBot (https://")
    );
    Ok(())
}

#[tokio::test]
async fn an_attempt_that_was_published_without_our_knowing_is_found_again() -> TestResult {
    let stub = StubDiscord::start().await;
    let discord = discord(&stub)?;
    for (delivery_id, fault) in (1..).zip([
        DiscordFault::CommitThen500,
        DiscordFault::CommitThenReset,
        DiscordFault::CommitThenGarbage,
    ]) {
        stub.fail_next(fault);
        let first = failure(&discord, &post(delivery_id)).await?;
        assert!(matches!(first, SendError::Ambiguous { .. }), "{first:?}");

        let published = stub.message(usize::try_from(delivery_id)?).await;
        assert_eq!(discord.send(&post(delivery_id)).await?.message_id, published.id);
    }
    assert_eq!(stub.messages(CHANNEL).len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_message_older_than_the_attempt_is_reported_as_found() -> TestResult {
    let stub = StubDiscord::start().await;
    let discord = discord(&stub)?;
    stub.backdate(Duration::from_secs(30));
    stub.fail_next(DiscordFault::CommitThen500);
    failure(&discord, &post(1)).await?;
    assert!(discord.send(&post(1)).await?.deduplicated);
    Ok(())
}

#[tokio::test]
async fn no_answer_in_time_is_ambiguous_because_the_message_may_still_appear() -> TestResult {
    let stub = StubDiscord::start().await;
    let impatient = Discord::new(&DiscordOptions {
        timeout: Duration::from_millis(100),
        ..options(&stub)
    })?;
    stub.hold();
    stub.fail_next(DiscordFault::HoldThenCommit);
    let outcome = failure(&impatient, &post(1)).await?;
    assert!(matches!(outcome, SendError::Ambiguous { .. }), "{outcome:?}");

    stub.release();
    let published = stub.message(1).await;
    assert_eq!(discord(&stub)?.send(&post(1)).await?.message_id, published.id);
    Ok(())
}

#[tokio::test]
async fn a_port_where_nobody_listens_means_not_sent() -> TestResult {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let base_url = format!("http://{}/api/v10", free.local_addr()?);
    drop(free);
    let discord = Discord::new(&DiscordOptions {
        base_url,
        ..DiscordOptions::new("token".into())
    })?;
    let outcome = failure(&discord, &post(1)).await?;
    assert!(
        matches!(outcome, SendError::NotSent { retry_after: None, .. }),
        "{outcome:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_rate_limit_of_any_scope_means_not_sent_and_how_long_to_wait() -> TestResult {
    let stub = StubDiscord::start().await;
    let discord = discord(&stub)?;
    for scope in [RateLimitScope::User, RateLimitScope::Global, RateLimitScope::Shared] {
        stub.fail_next(DiscordFault::RateLimited {
            scope,
            retry_after: 1.25,
        });
        let outcome = failure(&discord, &post(1)).await?;
        let SendError::NotSent { retry_after, .. } = outcome else {
            return Err(outcome.into());
        };
        assert_eq!(retry_after, Some(Duration::from_millis(1250)));
    }
    assert!(stub.messages(CHANNEL).is_empty());
    Ok(())
}

#[tokio::test]
async fn a_rate_limit_that_is_a_page_is_understood_by_its_header_or_waits_a_minute() -> TestResult {
    let stub = StubDiscord::start().await;
    let discord = discord(&stub)?;
    for (header, expected) in [(Some(42), 42), (None, 60)] {
        stub.fail_next(DiscordFault::ProxyRateLimited { retry_after: header });
        let outcome = failure(&discord, &post(1)).await?;
        let SendError::NotSent { retry_after, .. } = outcome else {
            return Err(outcome.into());
        };
        assert_eq!(retry_after, Some(Duration::from_secs(expected)));
    }
    Ok(())
}

#[tokio::test]
async fn a_refusal_says_what_has_to_change() -> TestResult {
    let stub = StubDiscord::start().await;
    let discord = discord(&stub)?;
    let refused = |status, code| DiscordFault::Refused {
        status,
        code,
        message: "Discord's words".to_owned(),
    };
    for (fault, expected) in [
        (refused(403, 50013), Rejection::Permission),
        (refused(404, 10003), Rejection::TargetGone),
        (refused(401, 0), Rejection::Auth),
        (refused(400, 200_000), Rejection::Content),
        (refused(400, 40067), Rejection::Settings),
        (DiscordFault::ProxyBlocked, Rejection::RateBan),
    ] {
        stub.fail_next(fault);
        let outcome = failure(&discord, &post(1)).await?;
        let SendError::Rejected { class, detail, .. } = &outcome else {
            return Err(outcome.into());
        };
        assert_eq!(*class, expected);
        assert!(
            expected == Rejection::RateBan || detail.contains("Discord's words"),
            "{detail}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_published_message_that_was_deleted_is_not_published_again() -> TestResult {
    let stub = StubDiscord::start().await;
    let discord = discord(&stub)?;
    let sent = discord.send(&post(1)).await?;
    stub.delete_message(&sent.message_id);
    let outcome = failure(&discord, &post(1)).await?;
    assert!(
        matches!(
            outcome,
            SendError::Rejected {
                class: Rejection::Removed,
                code: Some(10008),
                ..
            }
        ),
        "{outcome:?}"
    );
    assert!(outcome.is_about_the_content());
    assert!(stub.messages(CHANNEL).is_empty());
    Ok(())
}

#[tokio::test]
async fn what_discord_cannot_take_is_refused_before_it_is_sent() -> TestResult {
    let stub = StubDiscord::start().await;
    let discord = discord(&stub)?;
    let long = Outgoing {
        text: "ü".repeat(2001),
        ..post(1)
    };
    let outcome = failure(&discord, &long).await?;
    assert!(outcome.is_about_the_content());
    assert!(
        outcome
            .to_string()
            .contains("the text has 2001 characters; Discord takes 2000 at most"),
        "{outcome}"
    );

    let misplaced = Outgoing {
        channel: Some("../../users/@me".to_owned()),
        ..post(1)
    };
    let nowhere = Outgoing {
        channel: None,
        ..post(1)
    };
    let nameless = Outgoing {
        nonce: "n".repeat(26),
        ..post(1)
    };
    for delivery in [misplaced, nowhere, nameless] {
        let outcome = failure(&discord, &delivery).await?;
        assert!(
            matches!(
                outcome,
                SendError::Rejected {
                    class: Rejection::Settings,
                    ..
                }
            ),
            "{outcome:?}"
        );
    }
    assert!(stub.requests().is_empty());

    let exact = Outgoing {
        text: "ü".repeat(2000),
        ..post(1)
    };
    discord.send(&exact).await?;
    Ok(())
}

#[tokio::test]
async fn neither_the_client_nor_its_errors_show_the_token() -> TestResult {
    let stub = StubDiscord::start().await;
    let discord = discord(&stub)?;
    stub.fail_next(DiscordFault::Reset);
    let outcome = failure(&discord, &post(1)).await?;
    let broken = Discord::new(&DiscordOptions::new("secret-\ntoken".into()))
        .err()
        .ok_or("it was taken")?;
    for shown in [
        format!("{discord:?}"),
        format!("{outcome:?} {outcome}"),
        format!("{broken:?} {broken}"),
    ] {
        assert!(!shown.contains("secret-"), "{shown}");
    }
    Ok(())
}

#[test]
fn options_that_cannot_work_are_refused_at_once() {
    let empty = Discord::new(&DiscordOptions::new(" ".into()));
    assert!(matches!(empty, Err(InvalidDiscordOptions::NoToken)), "{empty:?}");
    let elsewhere = DiscordOptions {
        base_url: "discord.com/api".to_owned(),
        ..DiscordOptions::new("token".into())
    };
    let elsewhere = Discord::new(&elsewhere);
    assert!(
        matches!(elsewhere, Err(InvalidDiscordOptions::BaseUrl { .. })),
        "{elsewhere:?}"
    );
}
