use std::io;

use axum::http::StatusCode;
use botticelli_control::metrics_router;

use crate::client::{TestResult, get};

#[tokio::test]
async fn a_scrape_gets_the_rendered_text_in_the_prometheus_format() -> TestResult {
    let router = metrics_router(|| Ok::<_, io::Error>("botticelli_db_up 1\n".to_owned()));
    let answer = get(&router, "/metrics").await?;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(answer.text, "botticelli_db_up 1\n");
    Ok(())
}

#[tokio::test]
async fn a_scrape_fails_when_the_metrics_cannot_be_rendered() -> TestResult {
    let router = metrics_router(|| Err(io::Error::other("registry 0x55aa is poisoned")));
    let answer = get(&router, "/metrics").await?;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.text.contains("0x55aa"), "{}", answer.text);
    Ok(())
}
