use std::error::Error;

use axum::Router;
use axum::http::StatusCode;
use botticelli_actors::{Registration, get_actor, pause, register, set_next_runs};
use botticelli_control::{AnonymousRole, ApiState, api_router};
use botticelli_testkit::TestDatabase;
use chrono::DateTime;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::client::{TestResult, get, health};

pub(crate) fn readable(database: &TestDatabase) -> Router {
    let state = ApiState {
        pool: database.pool.clone(),
        anonymous_role: AnonymousRole::ReadOnly,
    };
    api_router(state, health())
}

pub(crate) async fn with_actor(pool: &PgPool, name: &str) -> Result<(), Box<dyn Error>> {
    let registration = Registration {
        name,
        kind: name,
        enabled: true,
        schedule: "every 2 hours",
        schedule_type: "Interval",
    };
    let mut connection = pool.acquire().await?;
    register(&mut connection, &registration).await?;
    Ok(())
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect()
}

#[tokio::test]
async fn actors_are_a_bare_array_of_exactly_the_seven_promised_fields() -> TestResult {
    let database = botticelli_testkit::database().await;
    with_actor(&database.pool, "posting").await?;
    with_actor(&database.pool, "generation").await?;
    let next_run = DateTime::from_timestamp(1_790_000_000, 0);
    set_next_runs(&database.pool, &["generation"], &[next_run]).await?;
    let answer = get(&readable(&database), "/api/v1/actors").await?;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.json()?,
        json!([
            {
                "name": "generation", "enabled": true, "is_paused": false, "consecutive_failures": 0,
                "last_run": null, "next_run": "2026-09-21T14:13:20Z", "schedule_type": "Interval",
            },
            {
                "name": "posting", "enabled": true, "is_paused": false, "consecutive_failures": 0,
                "last_run": null, "next_run": null, "schedule_type": "Interval",
            },
        ])
    );
    Ok(())
}

#[tokio::test]
async fn a_fleet_without_actors_answers_with_an_empty_array() -> TestResult {
    let database = botticelli_testkit::database().await;
    assert_eq!(get(&readable(&database), "/api/v1/actors").await?.json()?, json!([]));
    Ok(())
}

#[tokio::test]
async fn one_actor_is_shown_as_it_is_now() -> TestResult {
    let database = botticelli_testkit::database().await;
    with_actor(&database.pool, "generation").await?;
    assert!(pause(&database.pool, "generation", "a test").await?);
    let answer = get(&readable(&database), "/api/v1/actors/generation").await?;
    assert_eq!(answer.status, StatusCode::OK);
    let actor = answer.json()?;
    assert_eq!(actor.get("is_paused"), Some(&json!(true)));
    Ok(())
}

#[tokio::test]
async fn the_status_of_an_actor_without_runs_has_every_promised_field() -> TestResult {
    let database = botticelli_testkit::database().await;
    with_actor(&database.pool, "generation").await?;
    let answer = get(&readable(&database), "/api/v1/actors/generation/status").await?;
    assert_eq!(
        answer.json()?,
        json!({
            "actor": "generation", "is_paused": false, "consecutive_failures": 0, "last_run": null, "next_run": null,
            "recent_executions": 0, "recent_success_rate": "0.0%",
        })
    );
    Ok(())
}

#[tokio::test]
async fn an_unknown_actor_is_a_404_that_says_which_there_are() -> TestResult {
    let database = botticelli_testkit::database().await;
    with_actor(&database.pool, "generation").await?;
    with_actor(&database.pool, "posting").await?;
    let router = readable(&database);
    for path in [
        "/api/v1/actors/generator",
        "/api/v1/actors/generator/status",
        "/api/v1/executions/actor/generator",
    ] {
        let answer = get(&router, path).await?;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        let problem = answer.json()?;
        assert_eq!(keys(&problem), ["type", "title", "status", "detail"]);
        assert_eq!(
            problem.get("detail"),
            Some(&json!(
                "there is no actor `generator`; the actors are `generation`, `posting`"
            ))
        );
    }
    Ok(())
}

#[tokio::test]
async fn names_that_no_database_could_hold_are_unknown_actors_too() -> TestResult {
    let database = botticelli_testkit::database().await;
    with_actor(&database.pool, "generation").await?;
    let router = readable(&database);
    for path in ["/api/v1/actors/%00", "/api/v1/actors/'%20or%201=1;--"] {
        assert_eq!(get(&router, path).await?.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(get_actor(&database.pool, "generation").await?.is_some());
    Ok(())
}
