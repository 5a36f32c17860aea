//! Answers as they come.

use std::sync::Arc;

use botticelli_llm::{Answer, ErrorClass, LanguageModel, LlmError, ReplyFuture, Request};
use reqwest::Response;
use serde_json::{Value, json};

use crate::puppet::Puppet;
use crate::served::{NOW, Served, options, question};

/// The data of the next event.
async fn next(response: &mut Response, unread: &mut String) -> String {
    loop {
        if let Some(end) = unread.find("\n\n") {
            let event: String = unread.drain(..end + 2).collect();
            return event.trim_end().strip_prefix("data: ").unwrap().to_owned();
        }
        let more = response.chunk().await.unwrap().unwrap();
        unread.push_str(std::str::from_utf8(&more).unwrap());
    }
}

/// The chunks of an answer that ends as it should.
async fn chunks(response: Response) -> Vec<Value> {
    let text = response.text().await.unwrap();
    let events: Vec<&str> = text
        .split_terminator("\n\n")
        .map(|event| event.strip_prefix("data: ").unwrap())
        .collect();
    let (done, chunks) = events.split_last().unwrap();
    assert_eq!(*done, "[DONE]");
    chunks
        .iter()
        .map(|chunk| serde_json::from_str(chunk).unwrap())
        .collect()
}

#[tokio::test]
async fn the_chunks_of_an_answer_have_the_shape_of_openai() {
    let (served, _) = Served::answering([Answer::text("Hello there")]).await;
    let response = served.ask(&question(json!({"stream": true}))).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let chunks = chunks(response).await;
    let id = &chunks[0]["id"];
    assert!(id.as_str().unwrap().starts_with("chatcmpl-"), "{id}");
    let chunk = |delta: Value, finish: Value| {
        json!({
            "id": id,
            "object": "chat.completion.chunk",
            "created": NOW,
            "model": "small",
            "system_fingerprint": "fp",
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}],
        })
    };
    assert_eq!(
        chunks,
        [
            chunk(json!({"role": "assistant", "content": ""}), json!(null)),
            chunk(json!({"content": "Hello "}), json!(null)),
            chunk(json!({"content": "there"}), json!(null)),
            chunk(json!({}), json!("stop")),
        ]
    );
}

#[tokio::test]
async fn the_usage_comes_last_where_it_is_asked_for_and_is_null_before() {
    let (served, _) = Served::answering([Answer::text("Hello there")]).await;
    let request = question(json!({"stream": true, "stream_options": {"include_usage": true}}));
    let chunks = chunks(served.ask(&request).await).await;
    let (last, before) = chunks.split_last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(
        (&last["usage"]["prompt_tokens"], &last["usage"]["total_tokens"]),
        (&json!(1), &json!(3))
    );
    assert!(before.iter().all(|chunk| chunk.as_object().unwrap()["usage"].is_null()));
}

#[tokio::test]
async fn a_word_is_told_before_the_next_one_is_said() {
    let puppet = Puppet::new();
    let served = Served::with(options(puppet.clone())).await;
    let mut response = served.ask(&question(json!({"stream": true}))).await;
    let unread = &mut String::new();
    let content =
        |data: String| serde_json::from_str::<Value>(&data).unwrap()["choices"][0]["delta"]["content"].clone();
    assert_eq!(content(next(&mut response, unread).await), "");
    assert_eq!(content(next(&mut response, unread).await), "one");
    puppet.go();
    assert_eq!(content(next(&mut response, unread).await), " two");
}

#[tokio::test]
async fn an_answer_that_was_cut_is_told_as_far_as_it_came() {
    let (served, _) = Served::answering([Answer::cut("{\"a\": ")]).await;
    let request = question(json!({"stream": true, "response_format": {"type": "json_object"}}));
    let chunks = chunks(served.ask(&request).await).await;
    assert_eq!(chunks[1]["choices"][0]["delta"]["content"], "{\"a\": ");
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "length");
}

/// A model that fails after its first word.
struct Breaking;

impl LanguageModel for Breaking {
    fn generate<'a>(&'a self, _: &'a Request) -> ReplyFuture<'a> {
        Box::pin(async {
            let class = ErrorClass::Transport;
            Err(LlmError::new(class, "breaking", "it broke"))
        })
    }

    fn stream<'a>(&'a self, request: &'a Request, on_text: &'a mut (dyn FnMut(&str) + Send)) -> ReplyFuture<'a> {
        on_text("one");
        self.generate(request)
    }

    fn provider(&self) -> &'static str {
        "breaking"
    }
}

#[tokio::test]
async fn a_failure_after_the_first_word_is_an_event_and_no_end() {
    let served = Served::with(options(Arc::new(Breaking))).await;
    let response = served.ask(&question(json!({"stream": true}))).await;
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    let last = text.trim_end().rsplit("\n\n").next().unwrap();
    let event: Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(event["error"]["code"], "upstream_failed");
    assert!(!text.contains("[DONE]"), "{text}");
}
