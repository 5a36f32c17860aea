//! What is refused, and by which name.

use std::time::Duration;

use botticelli_llm::{Answer, ErrorClass, LlmError};
use serde_json::{Value, json};

use crate::served::{Served, json_of, question, refusal};

async fn refused(served: &Served, request: &Value) -> (u16, Value) {
    refusal(served.ask(request).await).await
}

#[tokio::test]
async fn a_parameter_that_would_change_the_answer_is_refused_by_its_name() {
    let (served, script) = Served::answering([]).await;
    let tool = json!([{"type": "function", "function": {"name": "look"}}]);
    for (param, value) in [
        ("n", json!(2)),
        ("tools", tool),
        ("tool_choice", json!("required")),
        ("functions", json!([{"name": "look"}])),
        ("function_call", json!({"name": "look"})),
        ("logprobs", json!(true)),
        ("top_logprobs", json!(3)),
        ("logit_bias", json!({"50256": -100})),
        ("frequency_penalty", json!(0.5)),
        ("presence_penalty", json!(-0.5)),
        ("modalities", json!(["text", "audio"])),
        ("audio", json!({"voice": "alloy", "format": "wav"})),
        ("web_search_options", json!({})),
        ("grammar", json!("root ::= \"a\"")),
        ("guided_choice", json!(["a", "b"])),
    ] {
        let (status, error) = refused(&served, &question(json!({param: value}))).await;
        assert_eq!((status, &error["param"]), (400, &json!(param)), "{error}");
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(error["code"], "unsupported_parameter");
        assert!(
            error["message"].as_str().unwrap().contains(&format!("`{param}`")),
            "{error}"
        );
    }
    assert!(script.requests().is_empty());
}

#[tokio::test]
async fn a_value_out_of_range_is_refused_by_its_name() {
    let (served, script) = Served::answering([]).await;
    for (param, value) in [
        ("temperature", json!(2.5)),
        ("temperature", json!("hot")),
        ("top_p", json!(-0.1)),
        ("max_tokens", json!(0)),
        ("max_completion_tokens", json!(1.5)),
        ("seed", json!("x")),
        ("stop", json!(["a", "b", "c", "d", "e"])),
        ("stop", json!("")),
        ("stream", json!("yes")),
        ("stream_options", json!([])),
        ("messages", json!([])),
        ("messages", json!("Hi")),
        (
            "messages",
            json!([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]),
        ),
    ] {
        let (status, error) = refused(&served, &question(json!({param: value}))).await;
        assert_eq!((status, &error["param"]), (400, &json!(param)), "{value}: {error}");
        assert_eq!(error["code"], "invalid_value");
    }
    let both = question(json!({"max_tokens": 5, "max_completion_tokens": 6}));
    assert_eq!(refused(&served, &both).await.1["param"], "max_tokens");
    for (format, param) in [
        (json!({"type": "yaml"}), "response_format.type"),
        (json!({"type": "json_schema"}), "response_format.json_schema.schema"),
    ] {
        let (status, error) = refused(&served, &question(json!({"response_format": format}))).await;
        assert_eq!((status, &error["param"]), (400, &json!(param)), "{error}");
    }
    assert!(script.requests().is_empty());
}

#[tokio::test]
async fn a_message_that_the_model_cannot_be_shown_is_refused_by_its_place() {
    let (served, script) = Served::answering([]).await;
    let user = json!({"role": "user", "content": "Hi"});
    let picture = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    for (message, param) in [
        (json!({"role": "system", "content": "Be brief."}), "messages[1].role"),
        (
            json!({"role": "tool", "tool_call_id": "1", "content": "4"}),
            "messages[1].role",
        ),
        (json!({"role": "judge", "content": "Hi"}), "messages[1].role"),
        (json!({"content": "Hi"}), "messages[1].role"),
        (json!({"role": "user", "content": null}), "messages[1].content"),
        (json!({"role": "user", "content": []}), "messages[1].content"),
        (
            json!({"role": "user", "content": [{"type": "text", "text": "Look:"}, picture]}),
            "messages[1].content[1].type",
        ),
        (
            json!({"role": "assistant", "content": null, "tool_calls": [{"id": "1"}]}),
            "messages[1].tool_calls",
        ),
    ] {
        let request = question(json!({"messages": [user, message, user]}));
        let (status, error) = refused(&served, &request).await;
        assert_eq!((status, &error["param"]), (400, &json!(param)), "{error}");
    }
    assert!(script.requests().is_empty());
}

#[tokio::test]
async fn a_model_that_is_not_served_is_not_found() {
    let (served, _) = Served::answering([]).await;
    let (status, error) = refused(&served, &question(json!({"model": "gpt-5"}))).await;
    assert_eq!(
        (status, &error["code"], &error["param"]),
        (404, &json!("model_not_found"), &json!("model"))
    );
    assert!(error["message"].as_str().unwrap().contains("name `small`"), "{error}");
}

#[tokio::test]
async fn a_body_that_is_no_request_is_refused() {
    let (served, _) = Served::answering([]).await;
    let post = || {
        served
            .post("/v1/chat/completions")
            .header("content-type", "application/json; charset=utf-8")
    };
    for body in ["", "{", "[]", "\u{1}"] {
        let (status, error) = refusal(post().body(body).send().await.unwrap()).await;
        assert_eq!(
            (status, &error["type"]),
            (400, &json!("invalid_request_error")),
            "{body:?}"
        );
    }
    let text = served.post("/v1/chat/completions").header("content-type", "text/plain");
    let text = text.body(question(json!({})).to_string()).send().await.unwrap();
    assert_eq!(refusal(text).await.0, 415);
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_refused_in_the_same_form() {
    let (served, _) = Served::answering([]).await;
    let (status, error) = refusal(served.post("/v1/embeddings").send().await.unwrap()).await;
    assert_eq!((status, &error["code"]), (404, &json!("unknown_url")));
    let wrong = served.get("/v1/chat/completions").send().await.unwrap();
    assert_eq!(wrong.headers()["allow"], "POST");
    assert_eq!(refusal(wrong).await.0, 405);
}

#[tokio::test]
async fn each_failure_of_the_model_has_a_status_that_says_whether_to_ask_again() {
    for (class, status, code) in [
        (ErrorClass::RateLimited, 429, "rate_limit_exceeded"),
        (ErrorClass::QuotaExhausted, 429, "insufficient_quota"),
        (ErrorClass::Unauthorized, 502, "upstream_unauthorized"),
        (ErrorClass::Invalid, 400, "invalid_request"),
        (ErrorClass::TooLong, 400, "context_length_exceeded"),
        (ErrorClass::Overloaded, 503, "overloaded"),
        (ErrorClass::Transport, 502, "upstream_failed"),
        (ErrorClass::TimedOut, 504, "timed_out"),
        (ErrorClass::Malformed, 502, "malformed_answer"),
        (ErrorClass::Declined, 400, "content_filter"),
        (ErrorClass::Unsupported, 400, "unsupported"),
    ] {
        for is_streamed in [false, true] {
            let mut failure = LlmError::new(class, "far", "no");
            failure.retry_after = Some(Duration::from_millis(1500));
            let (served, _) = Served::answering([Answer::error(failure)]).await;
            let response = served.ask(&question(json!({"stream": is_streamed}))).await;
            assert_eq!(response.headers()["retry-after"], "2");
            let (found, error) = refusal(response).await;
            assert_eq!((found, &error["code"]), (status, &json!(code)), "{class}");
        }
    }
}

#[tokio::test]
async fn a_schema_that_is_not_one_is_the_client_s_mistake() {
    let (served, _) = Served::answering([Answer::text("{}")]).await;
    let schema = json!({"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "strin"}}});
    let response = served.ask(&question(json!({"response_format": schema}))).await;
    assert_eq!(response.status(), 400);
    let error = json_of(response).await;
    assert!(
        error["error"]["message"].as_str().unwrap().contains("JSON schema"),
        "{error}"
    );
}
