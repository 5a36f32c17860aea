//! The stub of Discord.

use std::time::Duration;

use botticelli_testkit::{DiscordFault, StubDiscord};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::TestResult;

const CHANNEL: &str = "1100000000000000001";

async fn post(stub: &StubDiscord, body: &Value) -> reqwest::Result<Response> {
    let url = format!("{}/channels/{CHANNEL}/messages", stub.url());
    let request = reqwest::Client::new().post(url).json(body);
    request
        .header("authorization", "Bot token")
        .header("user-agent", "DiscordBot (https://example.org, 1)")
        .send()
        .await
}

async fn id_of(response: Response) -> Result<String, Box<dyn std::error::Error>> {
    let message: Value = response.error_for_status()?.json().await?;
    Ok(message["id"].as_str().ok_or("no id")?.to_owned())
}

async fn refusal_of(response: Response) -> Result<(u16, u64), Box<dyn std::error::Error>> {
    let status = response.status().as_u16();
    let body: Value = response.json().await?;
    Ok((status, body["code"].as_u64().ok_or("no code")?))
}

fn message(nonce: &str) -> Value {
    json!({ "content": "Hello.", "nonce": nonce, "enforce_nonce": true, "allowed_mentions": { "parse": [] } })
}

#[tokio::test]
async fn a_nonce_sent_again_returns_the_first_message() -> TestResult {
    let stub = StubDiscord::start().await;
    let first = id_of(post(&stub, &message("n1")).await?).await?;
    assert_eq!(id_of(post(&stub, &message("n1")).await?).await?, first);
    assert_ne!(id_of(post(&stub, &message("n2")).await?).await?, first);
    assert_eq!(stub.messages(CHANNEL).len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_nonce_is_forgotten_after_its_window_and_without_enforcement() -> TestResult {
    let stub = StubDiscord::start().await;
    post(&stub, &message("n1")).await?;
    stub.forget_nonces();
    post(&stub, &message("n1")).await?;
    stub.set_nonce_window(Duration::ZERO);
    post(&stub, &message("n1")).await?;
    assert_eq!(stub.messages(CHANNEL).len(), 3);

    stub.set_nonce_window(Duration::from_mins(5));
    let mut lax = message("n3");
    lax["enforce_nonce"] = json!(false);
    post(&stub, &lax).await?;
    post(&stub, &lax).await?;
    assert_eq!(stub.messages(CHANNEL).len(), 5);
    Ok(())
}

#[tokio::test]
async fn a_message_deleted_since_is_not_made_again_for_its_nonce() -> TestResult {
    let stub = StubDiscord::start().await;
    let id = id_of(post(&stub, &message("n1")).await?).await?;
    stub.delete_message(&id);
    assert_eq!(refusal_of(post(&stub, &message("n1")).await?).await?, (404, 10008));
    assert!(stub.messages(CHANNEL).is_empty());
    Ok(())
}

#[tokio::test]
async fn after_a_commit_the_client_may_learn_nothing() -> TestResult {
    let stub = StubDiscord::start().await;
    stub.fail_next(DiscordFault::CommitThen500);
    assert_eq!(
        post(&stub, &message("n1")).await?.status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );
    stub.fail_next(DiscordFault::CommitThenReset);
    assert!(
        post(&stub, &message("n2"))
            .await
            .is_err_and(|error| !error.is_connect())
    );
    stub.fail_next(DiscordFault::Reset);
    assert!(post(&stub, &message("n3")).await.is_err());
    let nonces: Vec<_> = stub
        .messages(CHANNEL)
        .into_iter()
        .filter_map(|message| message.nonce)
        .collect();
    assert_eq!(nonces, ["n1", "n2"]);
    Ok(())
}

#[tokio::test]
async fn a_message_may_appear_after_its_client_has_gone() -> TestResult {
    let stub = StubDiscord::start().await;
    stub.hold();
    stub.fail_next(DiscordFault::HoldThenCommit);
    let body = message("n1");
    let url = format!("{}/channels/{CHANNEL}/messages", stub.url());
    let client = reqwest::Client::builder()
        .timeout(Duration::from_millis(50))
        .user_agent("DiscordBot (x, 1)")
        .build()?;
    let abandoned = client
        .post(url)
        .header("authorization", "Bot token")
        .json(&body)
        .send()
        .await;
    assert!(abandoned.is_err_and(|error| error.is_timeout()));
    assert!(stub.messages(CHANNEL).is_empty());

    stub.release();
    assert_eq!(stub.message(1).await.content, "Hello.");
    Ok(())
}

#[tokio::test]
async fn requests_that_discord_refuses_are_refused_alike() -> TestResult {
    let stub = StubDiscord::start().await;
    let url = format!("{}/channels/{CHANNEL}/messages", stub.url());
    let anonymous = reqwest::Client::new()
        .post(&url)
        .header("user-agent", "DiscordBot (x, 1)")
        .json(&message("n"));
    assert_eq!(anonymous.send().await?.status(), StatusCode::UNAUTHORIZED);
    let unnamed = reqwest::Client::new()
        .post(&url)
        .header("authorization", "Bot token")
        .json(&message("n"));
    assert_eq!(refusal_of(unnamed.send().await?).await?, (403, 40333));

    let mut long = message("n");
    long["content"] = json!("x".repeat(2001));
    assert_eq!(refusal_of(post(&stub, &long).await?).await?, (400, 50035));
    assert_eq!(
        refusal_of(post(&stub, &message(&"n".repeat(26))).await?).await?,
        (400, 50035)
    );
    stub.remove_channel(CHANNEL);
    assert_eq!(refusal_of(post(&stub, &message("n")).await?).await?, (404, 10003));
    assert_eq!(stub.requests().len(), 5);
    Ok(())
}

#[tokio::test]
async fn history_is_read_newest_first_and_looks_empty_without_the_permission() -> TestResult {
    let stub = StubDiscord::start().await;
    let first = id_of(post(&stub, &message("n1")).await?).await?;
    let second = id_of(post(&stub, &message("n2")).await?).await?;
    let third = id_of(post(&stub, &message("n3")).await?).await?;

    let read = async |query: String| -> Result<Vec<String>, Box<dyn std::error::Error>> {
        let url = format!("{}/channels/{CHANNEL}/messages?{query}", stub.url());
        let request = reqwest::Client::new().get(url).header("authorization", "Bot token");
        let page: Vec<Value> = request
            .header("user-agent", "DiscordBot (x, 1)")
            .send()
            .await?
            .json()
            .await?;
        Ok(page
            .iter()
            .filter_map(|message| message["id"].as_str().map(str::to_owned))
            .collect())
    };
    assert_eq!(read("limit=2".to_owned()).await?, [third.clone(), second.clone()]);
    assert_eq!(read(format!("before={second}")).await?, std::slice::from_ref(&first));
    assert_eq!(read(format!("after={first}&limit=1")).await?, [second]);
    stub.deny_history();
    assert!(read("limit=2".to_owned()).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_id_holds_the_time_of_its_message() -> TestResult {
    let stub = StubDiscord::start().await;
    let now: u64 = id_of(post(&stub, &message("n1")).await?).await?.parse()?;
    stub.backdate(Duration::from_mins(10));
    let then: u64 = id_of(post(&stub, &message("n2")).await?).await?.parse()?;
    let apart = Duration::from_millis((now >> 22) - (then >> 22));
    assert!(apart > Duration::from_mins(9), "{apart:?}");
    Ok(())
}

async fn ask(
    stub: &StubDiscord,
    method: &str,
    path: &str,
    body: Value,
) -> Result<Response, Box<dyn std::error::Error>> {
    let request = reqwest::Client::new().request(method.parse()?, format!("{}/{path}", stub.url()));
    let request = request
        .header("authorization", "Bot token")
        .header("user-agent", "DiscordBot (x, 1)");
    Ok(request.json(&body).send().await?)
}

#[tokio::test]
async fn a_path_or_method_that_discord_has_not_is_not_found() -> TestResult {
    let stub = StubDiscord::start().await;
    for (method, path) in [
        ("GET", "guilds/1/nothing"),
        ("PUT", "channels/1"),
        ("GET", "channels/1/pins"),
        ("GET", "x"),
    ] {
        assert_eq!(
            ask(&stub, method, path, Value::Null).await?.status(),
            404,
            "{method} {path}"
        );
    }
    assert_eq!(ask(&stub, "GET", "guilds/abc/roles", Value::Null).await?.status(), 400);
    Ok(())
}

#[tokio::test]
async fn a_fault_of_a_call_is_for_that_call_alone_and_once() -> TestResult {
    let stub = StubDiscord::start().await;
    stub.fail_call("GET guilds/1/roles", DiscordFault::Unavailable);
    assert_eq!(ask(&stub, "GET", "guilds/2/roles", Value::Null).await?.status(), 200);
    assert_eq!(ask(&stub, "GET", "guilds/1/roles", Value::Null).await?.status(), 500);
    assert_eq!(ask(&stub, "GET", "guilds/1/roles", Value::Null).await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn a_bulk_deletion_keeps_to_discords_rules() -> TestResult {
    let stub = StubDiscord::start().await;
    stub.backdate(Duration::from_hours(24 * 15));
    let old = id_of(post(&stub, &message("n1")).await?).await?;
    stub.backdate(Duration::ZERO);
    let young = [
        id_of(post(&stub, &message("n2")).await?).await?,
        id_of(post(&stub, &message("n3")).await?).await?,
    ];
    let path = format!("channels/{CHANNEL}/messages/bulk-delete");
    for (ids, status) in [
        (json!([young[0]]), 400),
        (json!([young[0], young[0]]), 400),
        (json!([young[0], old]), 400),
        (json!(young), 204),
    ] {
        assert_eq!(
            ask(&stub, "POST", &path, json!({ "messages": ids })).await?.status(),
            status,
            "{ids}"
        );
    }
    assert_eq!(stub.messages(CHANNEL).len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_channel_keeps_what_was_changed_until_it_is_removed() -> TestResult {
    let stub = StubDiscord::start().await;
    let made: Value = ask(
        &stub,
        "POST",
        "guilds/5/channels",
        json!({ "name": "Daily News", "topic": "x" }),
    )
    .await?
    .json()
    .await?;
    assert_eq!((&made["name"], &made["topic"]), (&json!("daily-news"), &json!("x")));
    let path = format!("channels/{}", made["id"].as_str().ok_or("no id")?);
    ask(&stub, "PATCH", &path, json!({ "topic": "y" })).await?;
    assert_eq!(stub.channels("5")[0]["topic"], "y");
    assert_eq!(ask(&stub, "DELETE", &path, Value::Null).await?.status(), 200);
    assert_eq!(ask(&stub, "GET", &path, Value::Null).await?.status(), 404);
    Ok(())
}
