use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::Serialize;

/// A refusal as RFC 9457 has it. `type` is stable; `detail` is for people and never holds a driver's words.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
}

impl Problem {
    pub(crate) fn bad_parameter(detail: String) -> Self {
        Self {
            kind: "urn:botticelli:problem:bad-parameter",
            title: "A parameter is not valid",
            status: StatusCode::BAD_REQUEST.as_u16(),
            detail,
        }
    }

    pub(crate) fn credentials_needed() -> Self {
        Self {
            kind: "urn:botticelli:problem:credentials-needed",
            title: "Reading needs a role",
            status: StatusCode::UNAUTHORIZED.as_u16(),
            detail:
                "anonymous requests have no role here; to let them read, set `[api] anonymous_role = \"readonly\"` \
                     in the configuration"
                    .to_owned(),
        }
    }

    pub(crate) fn not_found(detail: String) -> Self {
        Self {
            kind: "urn:botticelli:problem:not-found",
            title: "There is no such thing",
            status: StatusCode::NOT_FOUND.as_u16(),
            detail,
        }
    }

    fn method_not_allowed(detail: String) -> Self {
        Self {
            kind: "urn:botticelli:problem:method-not-allowed",
            title: "The path does not take this method",
            status: StatusCode::METHOD_NOT_ALLOWED.as_u16(),
            detail,
        }
    }

    pub(crate) fn unavailable(detail: &str) -> Self {
        Self {
            kind: "urn:botticelli:problem:unavailable",
            title: "The answer is not available now",
            status: StatusCode::SERVICE_UNAVAILABLE.as_u16(),
            detail: detail.to_owned(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Gives a finished router problem documents for paths and methods that it does not know.
pub(crate) fn with_problems(router: Router) -> Router {
    router
        .fallback(|uri: Uri| async move { Problem::not_found(format!("there is nothing at `{}`", uri.path())) })
        .method_not_allowed_fallback(|method: Method, uri: Uri| async move {
            Problem::method_not_allowed(format!(
                "`{}` does not take {method}; the `Allow` header says what it takes",
                uri.path()
            ))
        })
}
