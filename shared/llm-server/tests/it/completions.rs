//! Whole answers, and what of a request reaches the model.

use botticelli_llm::{Answer, Message};
use serde_json::{Value, json};

use crate::served::{NOW, Served, json_of, question};

#[tokio::test]
async fn a_completion_has_the_shape_of_openai() {
    let (served, _) = Served::answering([Answer::text("Hello there")]).await;
    let response = served.ask(&question(json!({}))).await;
    assert_eq!(response.headers()["content-type"], "application/json");
    let mut body = json_of(response).await;
    let id = body["id"].take();
    assert!(id.as_str().unwrap().starts_with("chatcmpl-"), "{id}");
    assert_eq!(
        body,
        json!({
            "id": null,
            "object": "chat.completion",
            "created": NOW,
            "model": "small",
            "system_fingerprint": "fp",
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": "Hello there", "refusal": null},
                "logprobs": null,
                "finish_reason": "stop",
            }],
            "usage": {
                "prompt_tokens": 1,
                "completion_tokens": 2,
                "total_tokens": 3,
                "prompt_tokens_details": {"cached_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
        })
    );
}

#[tokio::test]
async fn every_parameter_that_the_model_knows_reaches_it() {
    let (served, script) = Served::answering([Answer::text(r#"{"name": "Rhine"}"#)]).await;
    let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]});
    let request = json!({
        "model": "small",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
            {"role": "user", "content": "Hi", "name": "ada"},
            {"role": "assistant", "content": "Hello", "tool_calls": null},
            {"role": "user", "content": [{"type": "text", "text": "A river?"}, {"type": "text", "text": "Now."}]},
        ],
        "temperature": 0.5,
        "top_p": 0.75,
        "stop": ["END", "\n\n"],
        "seed": -1,
        "max_completion_tokens": 90,
        "response_format": {"type": "json_schema", "json_schema": {"name": "river", "strict": true, "schema": schema}},
    });
    let body = json_of(served.ask(&request).await).await;
    assert_eq!(body["choices"][0]["message"]["content"], r#"{"name": "Rhine"}"#);
    let [asked] = script.requests().try_into().unwrap();
    assert_eq!(asked.model, None);
    assert_eq!(asked.system.as_deref(), Some("Be brief.\n\nBe kind."));
    assert_eq!(asked.messages[..2], [Message::user("Hi"), Message::assistant("Hello")]);
    assert_eq!(asked.messages[2].text(), "A river?\n\nNow.");
    assert_eq!((asked.temperature, asked.top_p), (Some(0.5), Some(0.75)));
    assert_eq!(asked.stop, ["END", "\n\n"]);
    assert_eq!((asked.seed, asked.max_tokens), (Some(u64::MAX), Some(90)));
    assert_eq!(asked.schema.as_deref(), Some(&schema));
}

#[tokio::test]
async fn what_changes_nothing_is_let_be() {
    let (served, script) = Served::answering([Answer::text("Hello")]).await;
    let harmless = json!({
        "user": "ada", "metadata": {"a": "b"}, "store": true, "service_tier": "auto", "parallel_tool_calls": true,
        "n": 1, "tools": [], "tool_choice": "none", "logprobs": false, "frequency_penalty": 0, "presence_penalty": 0.0,
        "logit_bias": {}, "modalities": ["text"], "seed": null, "stop": "END", "max_tokens": 5, "somebody_else_s": 1,
        "response_format": {"type": "text"},
    });
    assert_eq!(served.ask(&question(harmless)).await.status(), 200);
    let [asked] = script.requests().try_into().unwrap();
    assert_eq!(
        (asked.stop, asked.max_tokens, asked.schema),
        (vec!["END".to_owned()], Some(5), None)
    );
}

#[tokio::test]
async fn a_json_object_is_a_schema_of_any_object() {
    let (served, _) = Served::answering([Answer::text("{\"a\": 1}"), Answer::text("[1]")]).await;
    let request = question(json!({"response_format": {"type": "json_object"}}));
    assert_eq!(served.ask(&request).await.status(), 200);
    let answer = served.ask(&request).await;
    assert_eq!(answer.status(), 502, "a list is no object");
    assert_eq!(json_of(answer).await["error"]["code"], "malformed_answer");
}

#[tokio::test]
async fn an_answer_that_the_limit_cut_ends_with_length_also_where_it_was_to_be_json() {
    let (served, _) = Served::answering([Answer::cut("Hello th"), Answer::cut("{\"a\": ")]).await;
    let text = json_of(served.ask(&question(json!({}))).await).await;
    assert_eq!(text["choices"][0]["finish_reason"], "length");
    let format = json!({"response_format": {"type": "json_object"}});
    let cut = json_of(served.ask(&question(format)).await).await;
    assert_eq!(cut["choices"][0]["finish_reason"], "length");
    assert_eq!(cut["choices"][0]["message"]["content"], "{\"a\": ");
    assert_eq!(cut["usage"]["completion_tokens"], 1);
}

#[tokio::test]
async fn the_one_model_is_listed_and_found() {
    let (served, _) = Served::answering([]).await;
    let model = json!({"id": "small", "object": "model", "created": NOW, "owned_by": "scripted"});
    let list: Value = json_of(served.get("/v1/models").send().await.unwrap()).await;
    assert_eq!(list, json!({"object": "list", "data": [model]}));
    let found = json_of(served.get("/v1/models/small").send().await.unwrap()).await;
    assert_eq!(found, model);
    let missing = served.get("/v1/models/meta/large").send().await.unwrap();
    assert_eq!(missing.status(), 404);
    let error = json_of(missing).await;
    assert!(
        error["error"]["message"].as_str().unwrap().contains("`meta/large`"),
        "{error}"
    );
}
