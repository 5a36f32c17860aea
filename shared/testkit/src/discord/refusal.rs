//! Discord's error answers.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::RateLimitScope;

/// An error as Discord words it: a status and a code of its own.
pub(super) fn refused(status: u16, code: u64, message: &str) -> Response {
    with_status(status, json!({ "message": message, "code": code }))
}

/// Code 50035 with its tree of errors per field.
pub(super) fn invalid_form(field: &str, code: &str, message: &str) -> Response {
    let errors = json!({ field: { "_errors": [{ "code": code, "message": message }] } });
    with_status(
        400,
        json!({ "message": "Invalid Form Body", "code": 50035, "errors": errors }),
    )
}

pub(super) fn unauthorized() -> Response {
    with_status(401, json!({ "message": "401: Unauthorized", "code": 0 }))
}

pub(super) fn server_error() -> Response {
    with_status(500, json!({ "message": "500: Internal Server Error", "code": 0 }))
}

pub(super) fn rate_limited(scope: RateLimitScope, retry_after: f64) -> Response {
    let is_global = scope == RateLimitScope::Global;
    let body = json!({ "message": "You are being rate limited.", "retry_after": retry_after, "global": is_global });
    let mut response = with_status(429, body);
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-scope", HeaderValue::from_static(scope.name()));
    if is_global {
        headers.insert("x-ratelimit-global", HeaderValue::from_static("true"));
    }
    if let Ok(seconds) = HeaderValue::from_str(&format!("{:.0}", retry_after.ceil())) {
        headers.insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// The page that the proxy in front of Discord sends by itself.
pub(super) fn page_of_proxy(status: StatusCode, retry_after: Option<u32>) -> Response {
    let page = "<!doctype html><title>Access denied | discord.com used Cloudflare to restrict access</title>";
    let mut response = (status, [(header::CONTENT_TYPE, "text/html; charset=UTF-8")], page).into_response();
    if let Some(seconds) = retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn with_status(status: u16, body: Value) -> Response {
    (
        StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
        Json(body),
    )
        .into_response()
}
