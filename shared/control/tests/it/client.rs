use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use botticelli_control::HealthState;
use botticelli_schedule::ManualClock;
use chrono::DateTime;
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) type TestResult = Result<(), Box<dyn Error>>;

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_str(&self.text)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

pub(crate) async fn send(router: &Router, method: &str, path: &str) -> Result<Answer, Box<dyn Error>> {
    let request = Request::builder().method(method).uri(path).body(Body::empty())?;
    let response = router.clone().oneshot(request).await?;
    let (parts, body) = response.into_parts();
    let text = String::from_utf8(to_bytes(body, usize::MAX).await?.into())?;
    Ok(Answer {
        status: parts.status,
        headers: parts.headers,
        text,
    })
}

pub(crate) async fn get(router: &Router, path: &str) -> Result<Answer, Box<dyn Error>> {
    send(router, "GET", path).await
}

/// A clock that stands still at the start of 1970 until it is moved on.
pub(crate) fn stopped_clock() -> ManualClock {
    ManualClock::new(DateTime::UNIX_EPOCH)
}

/// A process that has started and needs nothing.
pub(crate) fn health() -> Arc<HealthState> {
    let state = HealthState::new(Arc::new(stopped_clock()));
    state.set_started();
    Arc::new(state)
}
