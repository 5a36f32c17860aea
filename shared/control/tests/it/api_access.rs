use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use botticelli_control::{AnonymousRole, ApiState, api_router};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::client::{TestResult, get, health, send};

/// A database that is not there: nobody listens on port 1.
fn without_database(anonymous_role: AnonymousRole) -> Router {
    let nowhere = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(1);
    let pool = PgPoolOptions::new()
        .acquire_timeout(Duration::from_millis(50))
        .connect_lazy_with(nowhere);
    api_router(ApiState { pool, anonymous_role }, health())
}

const PATHS: [&str; 10] = [
    "/api/v1/actors",
    "/api/v1/actors/generation",
    "/api/v1/actors/generation/status",
    "/api/v1/executions",
    "/api/v1/executions/1",
    "/api/v1/executions/actor/generation",
    "/api/v1/schedules",
    "/api/v1/schedules/generation",
    "/api/v1/schedules/generation/next",
    "/api/v1/schedules/generation/ticks",
];

#[tokio::test]
async fn without_a_role_reading_is_refused_and_the_setting_is_named() -> TestResult {
    let router = without_database(AnonymousRole::None);
    for path in PATHS {
        let answer = get(&router, path).await?;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert!(answer.text.contains("[api] anonymous_role"), "{}", answer.text);
    }
    Ok(())
}

#[tokio::test]
async fn health_needs_no_role() -> TestResult {
    let router = without_database(AnonymousRole::None);
    for path in ["/api/v1/health/live", "/api/v1/health/ready"] {
        assert_eq!(get(&router, path).await?.status, StatusCode::OK, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_a_503_that_tells_nothing_about_it() -> TestResult {
    let router = without_database(AnonymousRole::ReadOnly);
    for path in PATHS {
        let answer = get(&router, path).await?;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(
            answer.json()?,
            json!({
                "type": "urn:botticelli:problem:unavailable",
                "title": "The answer is not available now",
                "status": 503,
                "detail": "the database does not answer at the moment; try again",
            })
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_parameter_that_is_out_of_bounds_is_refused_by_name() -> TestResult {
    let router = without_database(AnonymousRole::ReadOnly);
    let cases = [
        (
            "/api/v1/executions?limit=0",
            "`limit` must be a whole number from 1 to 200, not `0`",
        ),
        (
            "/api/v1/executions?limit=201",
            "`limit` must be a whole number from 1 to 200, not `201`",
        ),
        (
            "/api/v1/executions?limit=ten",
            "`limit` must be a whole number from 1 to 200, not `ten`",
        ),
        (
            "/api/v1/executions?offset=-1",
            "`offset` must be a whole number from 0 to 10000, not `-1`",
        ),
        (
            "/api/v1/executions/actor/generation?limit=99999999999999999999",
            "`limit` must be a whole number from 1 to 200, not `99999999999999999999`",
        ),
        (
            "/api/v1/executions?limit=1&limit=2",
            "`limit` and `offset` may each be given once",
        ),
        (
            "/api/v1/executions/first",
            "`id` of an execution must be a whole number",
        ),
        ("/api/v1/actors/%FF", "`id` in the path is not valid UTF-8"),
    ];
    for (path, detail) in cases {
        let answer = get(&router, path).await?;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(answer.json()?.get("detail"), Some(&json!(detail)), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_path_is_a_404_whatever_the_role() -> TestResult {
    for role in [AnonymousRole::None, AnonymousRole::ReadOnly] {
        let answer = get(&without_database(role), "/api/v1/actor").await?;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    Ok(())
}

#[tokio::test]
async fn a_write_is_a_405_that_says_what_the_path_takes() -> TestResult {
    let answer = send(
        &without_database(AnonymousRole::ReadOnly),
        "DELETE",
        "/api/v1/actors/generation",
    )
    .await?;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    Ok(())
}
