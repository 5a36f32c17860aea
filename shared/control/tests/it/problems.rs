use std::io;

use axum::http::StatusCode;
use botticelli_control::{health_router, metrics_router};
use serde_json::json;

use crate::client::{TestResult, get, health, send};

#[tokio::test]
async fn an_unknown_path_is_answered_with_a_problem_document() -> TestResult {
    let router = metrics_router(|| Ok::<_, io::Error>(String::new()));
    let answer = get(&router, "/metric").await?;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(
        answer.json()?,
        json!({
            "type": "urn:botticelli:problem:not-found",
            "title": "There is no such thing",
            "status": 404,
            "detail": "there is nothing at `/metric`",
        })
    );
    Ok(())
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_answered_with_a_problem_document_and_what_it_takes() -> TestResult {
    let router = health_router(health());
    let answer = send(&router, "POST", "/health/live").await?;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    assert_eq!(answer.json()?.get("status"), Some(&json!(405)));
    Ok(())
}
