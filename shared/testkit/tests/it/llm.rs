//! The stub of the LLM.

use std::time::Duration;

use botticelli_testkit::{LlmReply, StubLlm};
use serde_json::{Value, json};

use crate::TestResult;

async fn ask(stub: &StubLlm, body: &Value) -> reqwest::Result<reqwest::Response> {
    let url = format!("{}/chat/completions", stub.url());
    reqwest::Client::new()
        .post(url)
        .bearer_auth("key")
        .json(body)
        .send()
        .await
}

fn question() -> Value {
    json!({ "model": "small", "messages": [{ "role": "user", "content": "Write a post." }] })
}

async fn text(stub: &StubLlm) -> Result<String, Box<dyn std::error::Error>> {
    let answer: Value = ask(stub, &question()).await?.json().await?;
    Ok(answer["choices"][0]["message"]["content"]
        .as_str()
        .ok_or("no text")?
        .to_owned())
}

#[tokio::test]
async fn without_a_script_every_answer_is_another_sentence() -> TestResult {
    let stub = StubLlm::start().await;
    let (first, second) = (text(&stub).await?, text(&stub).await?);
    assert_ne!(first, second);
    assert!(
        first.split_whitespace().count() >= 12 && first.ends_with('.'),
        "{first}"
    );
    Ok(())
}

#[tokio::test]
async fn a_schema_in_the_request_is_followed() -> TestResult {
    let stub = StubLlm::start().await;
    let mut body = question();
    body["response_format"] = json!({ "type": "json_schema", "json_schema": { "name": "post", "schema": {
        "type": "object",
        "properties": { "body": { "type": "string" }, "tag": { "enum": ["news"] } },
    } } });
    let answer: Value = ask(&stub, &body).await?.json().await?;
    let content = answer["choices"][0]["message"]["content"].as_str().ok_or("no text")?;
    let content: Value = serde_json::from_str(content)?;
    assert_eq!(content["tag"], "news");
    assert!(content["body"].is_string());
    Ok(())
}

#[tokio::test]
async fn queued_replies_come_first_and_the_script_after_them() -> TestResult {
    let stub = StubLlm::start().await;
    stub.reply_with(|request| LlmReply::Text(format!("You said: {}", request.prompt())));
    stub.reply_next(LlmReply::Text("First.".to_owned()));
    assert_eq!(text(&stub).await?, "First.");
    assert_eq!(text(&stub).await?, "You said: Write a post.");
    Ok(())
}

#[tokio::test]
async fn requests_are_recorded_and_can_be_awaited() -> TestResult {
    let stub = StubLlm::start().await;
    let (request, answer) = tokio::join!(stub.request(1), text(&stub));
    answer?;
    assert_eq!(request.model(), "small");
    assert_eq!(request.authorization.as_deref(), Some("Bearer key"));
    assert_eq!(request.path, "/v1/chat/completions");
    Ok(())
}

#[tokio::test]
async fn a_held_request_is_answered_on_release() -> TestResult {
    let stub = StubLlm::start().await;
    stub.hold();
    let (answer, ()) = tokio::join!(text(&stub), async {
        stub.request(1).await;
        stub.release();
    });
    assert!(!answer?.is_empty());
    Ok(())
}

#[tokio::test]
async fn requests_can_be_held_from_a_number_on() -> TestResult {
    let stub = StubLlm::start().await;
    stub.hold_from(2);
    assert!(!text(&stub).await?.is_empty());
    let client = reqwest::Client::builder().timeout(Duration::from_millis(50)).build()?;
    let url = format!("{}/chat/completions", stub.url());
    let held = client.post(url).json(&question()).send().await;
    assert!(held.is_err_and(|error| error.is_timeout()));
    Ok(())
}

#[tokio::test]
async fn every_fault_reaches_the_client_as_itself() -> TestResult {
    let stub = StubLlm::start().await;
    stub.reply_next(LlmReply::Status {
        status: 429,
        code: "insufficient_quota".to_owned(),
        retry_after: Some(7),
    });
    let limited = ask(&stub, &question()).await?;
    assert_eq!(
        (limited.status().as_u16(), limited.headers()["retry-after"].to_str()?),
        (429, "7")
    );
    let body: Value = limited.json().await?;
    assert_eq!(body["error"]["code"], "insufficient_quota");

    stub.reply_next(LlmReply::Html);
    assert_eq!(ask(&stub, &question()).await?.status(), 502);

    stub.reply_next(LlmReply::Garbage);
    assert!(ask(&stub, &question()).await?.json::<Value>().await.is_err());

    stub.reply_next(LlmReply::CutShort("It was a dark and".to_owned()));
    let cut: Value = ask(&stub, &question()).await?.json().await?;
    assert_eq!(cut["choices"][0]["finish_reason"], "length");

    stub.reply_next(LlmReply::Close);
    let closed = ask(&stub, &question()).await.err().ok_or("it was answered")?;
    assert!(closed.is_request() && !closed.is_connect(), "{closed:?}");
    Ok(())
}

#[tokio::test]
async fn a_client_that_gives_up_on_a_held_request_frees_the_stub() -> TestResult {
    let stub = StubLlm::start().await;
    stub.hold();
    let client = reqwest::Client::builder().timeout(Duration::from_millis(50)).build()?;
    let url = format!("{}/chat/completions", stub.url());
    let abandoned = client.post(url).json(&question()).send().await;
    assert!(abandoned.is_err_and(|error| error.is_timeout()));
    stub.release();
    assert!(!text(&stub).await?.is_empty());
    Ok(())
}
