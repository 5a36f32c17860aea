use std::time::Duration;

use axum::response::IntoResponse as _;
use botticelli_llm::{ErrorClass, LanguageModel, LlmError, Request, Timeouts};
use serde_json::json;
use tokio::net::TcpListener;

use crate::asking::{question, question_for_a_post};
use crate::stub::{KEY, Stub, client, completion, hanging_up_after, said};

async fn failure(stub: &Stub) -> LlmError {
    let Err(error) = stub.client().generate(&question_for_a_post("Post!")).await else {
        panic!("the service misbehaves");
    };
    error
}

async fn failure_at(base_url: &str) -> LlmError {
    let Err(error) = client(base_url).generate(&question("Hi")).await else {
        panic!("the peer misbehaves");
    };
    error
}

fn complaint(message: &str, code: &str) -> String {
    json!({"error": {"message": message, "type": code, "param": null, "code": code}}).to_string()
}

#[tokio::test]
async fn an_outage_is_worth_repeating() {
    for status in [500, 502, 503, 529, 408, 409] {
        let stub = Stub::saying(status, &complaint("The server is overloaded", "server_error")).await;
        let error = failure(&stub).await;
        let text = error.to_string();
        assert!(
            error.class == ErrorClass::Overloaded && error.retry_after.is_none() && error.status == Some(status),
            "{status}: {error:?}"
        );
        assert!(
            text.contains(&status.to_string()) && text.contains("overloaded"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_rate_limit_carries_the_wait_that_the_service_asks_for() {
    let stub = Stub::responding(|| {
        (
            axum::http::StatusCode::TOO_MANY_REQUESTS,
            [("retry-after", "20")],
            complaint("Rate limit reached", "rate_limit_exceeded"),
        )
            .into_response()
    })
    .await;
    let error = failure(&stub).await;
    assert_eq!(error.class, ErrorClass::RateLimited);
    assert_eq!(error.retry_after, Some(Duration::from_secs(20)));
}

#[tokio::test]
async fn a_429_for_want_of_credit_is_final() {
    let stub = Stub::saying(429, &complaint("You exceeded your current quota", "insufficient_quota")).await;
    let error = failure(&stub).await;
    assert_eq!(error.class, ErrorClass::QuotaExhausted, "{error}");
    assert!(error.to_string().contains("credit"), "{error}");
}

#[tokio::test]
async fn the_service_s_own_word_on_repeating_wins() {
    let never =
        Stub::responding(|| (axum::http::StatusCode::BAD_GATEWAY, [("x-should-retry", "false")]).into_response());
    let error = failure(&never.await).await;
    assert_eq!(error.class, ErrorClass::Invalid, "{error}");
    let again =
        Stub::responding(|| (axum::http::StatusCode::BAD_REQUEST, [("x-should-retry", "true")]).into_response());
    let error = failure(&again.await).await;
    assert_eq!(error.class, ErrorClass::Overloaded, "{error}");
}

#[tokio::test]
async fn a_wrong_key_is_final_and_never_repeated_in_the_message() {
    let stub = Stub::saying(
        401,
        &complaint(&format!("Incorrect API key provided: {KEY}"), "invalid_api_key"),
    )
    .await;
    let error = failure(&stub).await;
    let text = error.to_string();
    assert_eq!(error.class, ErrorClass::Unauthorized, "{error}");
    assert!(
        text.contains("[key]") && text.contains("check the API key") && !text.contains(KEY),
        "{text}"
    );
}

#[tokio::test]
async fn an_unknown_model_is_named() {
    let stub = Stub::saying(404, r#"{"error": "model not found, try pulling it first"}"#).await;
    let error = failure(&stub).await;
    let text = error.to_string();
    assert_eq!(error.class, ErrorClass::Invalid, "{error}");
    assert!(text.contains("`small`") && text.contains("try pulling it"), "{text}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let stub =
        Stub::responding(|| (axum::http::StatusCode::FOUND, [("location", "http://localhost/")]).into_response());
    let stub = stub.await;
    let error = failure(&stub).await;
    assert!(
        error.class == ErrorClass::Invalid && error.detail.contains("base_url"),
        "{error:?}"
    );
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn a_page_of_a_failing_proxy_is_quoted_briefly() {
    let page = format!("<html><body>Bad gateway {KEY}{}</body></html>", " la".repeat(5000));
    let error = failure(&Stub::saying(502, &page).await).await;
    let text = error.to_string();
    assert_eq!(error.class, ErrorClass::Overloaded, "{error}");
    assert!(
        text.contains("<html><body>Bad gateway [key]") && text.len() < 400,
        "{text}"
    );
}

#[tokio::test]
async fn a_web_page_in_place_of_the_api_is_a_bad_reply_that_doubts_the_address() {
    let error = failure(&Stub::saying(200, "<!doctype html><title>Welcome</title>").await).await;
    assert_eq!(error.class, ErrorClass::Malformed, "{error}");
    assert!(
        error.to_string().contains("base_url") && error.to_string().contains("Welcome"),
        "{error}"
    );
}

#[tokio::test]
async fn an_empty_answer_of_any_depth_is_a_bad_reply() {
    let no_text = completion(&said(""), "stop").to_string();
    let no_content = completion(&json!({"role": "assistant", "content": null}), "stop").to_string();
    for body in ["", " \n", "{}", r#"{"choices": []}"#, &no_text, &no_content] {
        let error = failure_at(&Stub::saying(200, body).await.url()).await;
        assert_eq!(error.class, ErrorClass::Malformed, "{body}: {error}");
    }
}

#[tokio::test]
async fn a_gateway_s_failure_behind_a_200_is_worth_repeating() {
    let stub = Stub::saying(200, r#"{"error": {"code": 503, "message": "Upstream is down"}}"#).await;
    let error = failure(&stub).await;
    assert_eq!(error.class, ErrorClass::Overloaded, "{error}");
    let stub = Stub::saying(200, r#"{"error": {"code": 403, "message": "Key is disabled"}}"#).await;
    let error = failure(&stub).await;
    assert_eq!(error.class, ErrorClass::Unauthorized, "{error}");
}

#[tokio::test]
async fn a_refusal_of_the_model_is_its_decision() {
    let refusing = json!({"role": "assistant", "content": null, "refusal": "I cannot help with that."});
    let error = failure(&Stub::completing(refusing, "stop").await).await;
    assert!(
        error.class == ErrorClass::Declined && error.detail.contains("cannot help"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_content_filter_on_either_side_declines() {
    let error = failure(&Stub::completing(said("{\"title"), "content_filter").await).await;
    assert_eq!(error.class, ErrorClass::Declined, "{error}");
    let error = failure(&Stub::saying(400, &complaint("The prompt was filtered", "content_filter")).await).await;
    assert!(
        error.class == ErrorClass::Declined && error.detail.contains("filtered"),
        "{error:?}"
    );
}

#[tokio::test]
async fn json_that_the_limit_cut_is_truncated() {
    let error = failure(&Stub::completing(said("{\"title\": \"A qui"), "length").await).await;
    assert!(
        error.class == ErrorClass::Truncated && error.detail.contains("max_tokens"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_call_of_a_tool_that_nobody_offered_is_a_bad_reply() {
    let calling = json!({"role": "assistant", "content": null, "tool_calls": []});
    let error = failure(&Stub::completing(calling, "tool_calls").await).await;
    assert_eq!(error.class, ErrorClass::Malformed, "{error}");
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_its_end() {
    let huge = "x".repeat(3 * 1024 * 1024);
    let error = failure(&Stub::saying(200, &huge).await).await;
    assert!(
        error.class == ErrorClass::Malformed && error.detail.contains("2 MiB"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named_with_what_to_check() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = failure_at(&format!("http://{address}/v1?key=hidden")).await;
    let text = error.to_string();
    assert_eq!(error.class, ErrorClass::Transport, "{error}");
    assert!(
        text.contains(&address.to_string()) && text.contains("refused") && text.contains("base_url"),
        "{text}"
    );
    assert!(!text.contains("hidden"), "{text}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_worth_repeating() {
    for first in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"choices\""] {
        let error = failure_at(&hanging_up_after(first).await).await;
        assert!(
            error.class == ErrorClass::Transport && error.detail.contains("broke"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_service_that_does_not_answer_in_time_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let request = Request {
        timeouts: Timeouts::within(Duration::from_millis(50)),
        ..question("Hi")
    };
    // The system accepts the connection, and nobody ever reads from it.
    let silent = client(&format!("http://{}", listener.local_addr().unwrap()));
    let result = silent.generate(&request).await;
    let Err(error) = result else {
        panic!("{result:?}");
    };
    assert_eq!(error.class, ErrorClass::TimedOut);
    assert!(error.to_string().ends_with("did not answer within 50ms"), "{error}");
}
