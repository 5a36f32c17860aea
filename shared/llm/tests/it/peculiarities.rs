//! What only one service says.

use std::time::Duration;

use botticelli_llm::{ErrorClass, LlmError, Remaining};
use serde_json::{Value, json};

use crate::asking::question;
use crate::speech::{End, KEY, Speech, anthropic, gemini, openai, openai_responses};
use crate::stub::{Close, Stub, response};

async fn refusal(speech: &Speech, body: &Value) -> LlmError {
    let stub = Stub::saying(200, body.to_string()).await;
    match speech.client(stub.url()).generate(&question("Hi")).await {
        Ok(reply) => panic!("{}: {reply:?}", speech.wire),
        Err(error) => error,
    }
}

#[tokio::test]
async fn openai_refuses_in_a_field_of_its_own() {
    let speech = openai::speech();
    let mut body = (speech.answer)("", End::Stop);
    body["choices"][0]["message"] =
        json!({"role": "assistant", "content": null, "refusal": format!("I cannot. {KEY}")});
    let error = refusal(&speech, &body).await;
    assert_eq!(error.class, ErrorClass::Declined, "{error}");
    assert!(error.detail.contains("I cannot. [key]"), "{error}");
    assert_eq!(error.usage, Some(speech.usage));

    let mut events = (speech.events)(&["x"], End::Stop);
    events[1]["choices"][0]["delta"] = json!({"refusal": "I cannot."});
    let frames: Vec<String> = events.iter().map(|event| speech.frame(event)).collect();
    let stub = Stub::playing(speech.streamed(&frames, Close::Clean)).await;
    let error = speech
        .client(stub.url())
        .stream(&question("Hi"), &mut |_: &str| {})
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::Declined, "{error}");
}

#[tokio::test]
async fn openai_responses_refuses_in_a_part_of_its_own() {
    let speech = openai_responses::speech();
    let mut body = (speech.answer)("", End::Stop);
    body["output"][1]["content"] = json!([{"type": "refusal", "refusal": "I cannot."}]);
    let error = refusal(&speech, &body).await;
    assert_eq!(error.class, ErrorClass::Declined, "{error}");
    assert!(error.detail.contains("I cannot."), "{error}");
}

#[tokio::test]
async fn openai_responses_fails_inside_of_a_success() {
    let speech = openai_responses::speech();
    let failed = |code: &str| {
        let mut body = (speech.answer)("", End::Stop);
        body["status"] = "failed".into();
        body["error"] = json!({"code": code, "message": "It cannot be"});
        body
    };
    assert_eq!(
        refusal(&speech, &failed("server_error")).await.class,
        ErrorClass::Overloaded
    );
    assert_eq!(
        refusal(&speech, &failed("rate_limit_exceeded")).await.class,
        ErrorClass::RateLimited
    );
    assert_eq!(
        refusal(&speech, &failed("invalid_prompt")).await.class,
        ErrorClass::Declined
    );

    let event = json!({"type": "response.failed", "response": failed("rate_limit_exceeded")});
    let stub = Stub::playing(speech.streamed(&[speech.frame(&event)], Close::Clean)).await;
    let error = speech
        .client(stub.url())
        .stream(&question("Hi"), &mut |_: &str| {})
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::RateLimited, "{error}");
}

#[tokio::test]
async fn a_call_of_a_tool_that_nobody_offered_is_malformed() {
    let speech = openai::speech();
    let mut body = (speech.answer)("", End::Stop);
    body["choices"][0]["finish_reason"] = "tool_calls".into();
    assert_eq!(refusal(&speech, &body).await.class, ErrorClass::Malformed);

    let speech = anthropic::speech();
    let mut body = (speech.answer)("", End::Stop);
    body["stop_reason"] = "tool_use".into();
    assert_eq!(refusal(&speech, &body).await.class, ErrorClass::Malformed);
}

#[tokio::test]
async fn a_gateway_s_failure_behind_a_200_has_the_status_that_it_hides() {
    let speech = openai::speech();
    let error = refusal(&speech, &json!({"error": {"code": 503, "message": "Upstream is down"}})).await;
    assert_eq!(
        (error.class, error.status),
        (ErrorClass::Overloaded, Some(503)),
        "{error}"
    );
    let error = refusal(&speech, &json!({"error": {"code": 403, "message": "Key is disabled"}})).await;
    assert_eq!(
        (error.class, error.status),
        (ErrorClass::Unauthorized, Some(403)),
        "{error}"
    );
}

#[tokio::test]
async fn a_compatible_service_may_end_its_stream_without_a_reason() {
    let speech = openai::speech();
    let words = json!({"choices": [{"delta": {"content": "Hello."}}]});
    let frames = [speech.frame(&words), "data: [DONE]\n\n".to_owned()];
    let stub = Stub::playing(speech.streamed(&frames, Close::Clean)).await;
    let reply = speech
        .client(stub.url())
        .stream(&question("Hi"), &mut |_: &str| {})
        .await
        .unwrap();
    assert_eq!(reply.text, "Hello.");
}

#[tokio::test]
async fn anthropic_explains_a_refusal() {
    let speech = anthropic::speech();
    let mut body = (speech.answer)("I", End::Declined);
    body["stop_details"] = json!({"type": "refusal", "category": "bio", "explanation": "It is about toxins."});
    let error = refusal(&speech, &body).await;
    assert!(error.detail.contains("toxins"), "{error}");
}

#[tokio::test]
async fn gemini_blocks_a_prompt_without_a_candidate() {
    let speech = gemini::speech();
    let body = json!({
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 19, "totalTokenCount": 19},
    });
    let error = refusal(&speech, &body).await;
    assert_eq!(error.class, ErrorClass::Declined, "{error}");
    assert!(error.detail.contains("PROHIBITED_CONTENT"), "{error}");

    let stub = Stub::playing(speech.streamed(&[speech.frame(&body)], Close::Clean)).await;
    let error = speech
        .client(stub.url())
        .stream(&question("Hi"), &mut |_: &str| {})
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::Declined, "{error}");
}

#[tokio::test]
async fn gemini_has_ends_that_are_no_decision_about_the_content() {
    let speech = gemini::speech();
    for (reason, class) in [
        ("RECITATION", ErrorClass::Declined),
        ("OTHER", ErrorClass::Malformed),
        ("MALFORMED_FUNCTION_CALL", ErrorClass::Malformed),
    ] {
        let mut body = (speech.answer)("", End::Stop);
        body["candidates"][0]["finishReason"] = reason.into();
        let error = refusal(&speech, &body).await;
        assert_eq!(error.class, class, "{error}");
        assert!(error.detail.contains(reason), "{error}");
    }
}

#[tokio::test]
async fn what_is_left_of_the_limits_is_told_with_the_reply() {
    let openai = [
        ("x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-reset-requests", "1s"),
        ("x-ratelimit-remaining-tokens", "149984"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ];
    let anthropic = [
        ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ("anthropic-ratelimit-requests-remaining", "59"),
        ("anthropic-ratelimit-requests-reset", "2015-10-21T07:28:01Z"),
        ("anthropic-ratelimit-tokens-remaining", "149984"),
        ("anthropic-ratelimit-tokens-reset", "2015-10-21T07:34:00Z"),
    ];
    let left = Remaining {
        requests: Some(59),
        requests_reset: Some(Duration::from_secs(1)),
        tokens: Some(149_984),
        tokens_reset: Some(Duration::from_mins(6)),
    };
    let cases: [(Speech, &[(&str, &str)]); 2] = [(openai::speech(), &openai), (anthropic::speech(), &anthropic)];
    for (speech, headers) in cases {
        let body = (speech.answer)("Hello.", End::Stop).to_string();
        let stub = Stub::playing(response(200, headers, body.as_bytes())).await;
        let reply = speech.client(stub.url()).generate(&question("Hi")).await.unwrap();
        assert_eq!(reply.remaining, Some(left), "{}", speech.wire);
    }
}
