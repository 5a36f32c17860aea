use std::error::Error;

use axum::http::StatusCode;
use botticelli_actors::{Ending, NewExecution, Outcome, finish_executions, start_executions};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::api_actors::{readable, with_actor};
use crate::client::{TestResult, get};

/// Begins the first run of a job. Answers with its id.
async fn started(pool: &PgPool, actor: &str, job_id: i64) -> Result<i64, Box<dyn Error>> {
    let run = NewExecution {
        actor,
        job_id,
        attempt: 1,
        worker_name: "worker-1",
        traceparent: None,
    };
    Ok(start_executions(&mut *pool.acquire().await?, &[run])
        .await?
        .pop()
        .ok_or("no run")?)
}

/// Puts a run in the history; each of one actor needs a job of its own. Answers with its id.
async fn with_run(pool: &PgPool, actor: &str, job: i64, outcome: Outcome) -> Result<i64, Box<dyn Error>> {
    let id = started(pool, actor, job).await?;
    let ending = Ending {
        job_id: job,
        attempt: 1,
        outcome,
        error_message: (outcome == Outcome::Failure).then_some("act `draft` got no answer"),
        reason: (outcome == Outcome::Skipped).then_some("enough posts are waiting"),
        skills_succeeded: 2,
        skills_failed: i32::from(outcome == Outcome::Failure),
        metadata: &json!({}),
    };
    let mut connection = pool.acquire().await?;
    finish_executions(&mut connection, &[ending]).await?;
    Ok(id)
}

fn ids(list: &Value) -> Vec<i64> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(|run| run.get("id")?.as_i64())
        .collect()
}

#[tokio::test]
async fn a_run_is_shown_with_exactly_the_nine_promised_fields() -> TestResult {
    let database = botticelli_testkit::database().await;
    with_actor(&database.pool, "curation").await?;
    let id = with_run(&database.pool, "curation", 1, Outcome::Failure).await?;
    let answer = get(&readable(&database), &format!("/api/v1/executions/{id}")).await?;
    assert_eq!(answer.status, StatusCode::OK);
    let run = answer.json()?;
    let moment = |key: &str| {
        run.get(key)
            .and_then(Value::as_str)
            .is_some_and(|text| text.ends_with('Z'))
    };
    assert!(moment("started_at") && moment("completed_at"), "{run}");
    assert_eq!(
        run,
        json!({
            "id": id, "task_id": "curation", "actor_name": "curation",
            "started_at": run["started_at"], "completed_at": run["completed_at"],
            "success": false, "skills_succeeded": 2, "skills_failed": 1,
            "error_message": "act `draft` got no answer",
        })
    );
    Ok(())
}

#[tokio::test]
async fn a_run_that_has_not_ended_is_neither_a_success_nor_a_failure() -> TestResult {
    let database = botticelli_testkit::database().await;
    with_actor(&database.pool, "curation").await?;
    let id = started(&database.pool, "curation", 1).await?;
    let run = get(&readable(&database), &format!("/api/v1/executions/{id}"))
        .await?
        .json()?;
    assert_eq!((&run["success"], &run["completed_at"]), (&Value::Null, &Value::Null));
    Ok(())
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_paged() -> TestResult {
    let database = botticelli_testkit::database().await;
    with_actor(&database.pool, "curation").await?;
    let mut newest_first = Vec::new();
    for job in 1..=52 {
        newest_first.insert(0, with_run(&database.pool, "curation", job, Outcome::Success).await?);
    }
    let router = readable(&database);
    let page = async |query: &str| -> Result<Vec<i64>, Box<dyn Error>> {
        Ok(ids(&get(&router, &format!("/api/v1/executions{query}"))
            .await?
            .json()?))
    };
    assert_eq!(Some(page("").await?.as_slice()), newest_first.get(..50));
    assert_eq!(Some(page("?limit=3").await?.as_slice()), newest_first.get(..3));
    assert_eq!(
        Some(page("?limit=3&offset=2").await?.as_slice()),
        newest_first.get(2..5)
    );
    assert_eq!(page("?limit=200").await?, newest_first);
    assert!(page("?offset=52").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn the_runs_of_one_actor_are_only_its_own() -> TestResult {
    let database = botticelli_testkit::database().await;
    with_actor(&database.pool, "curation").await?;
    with_actor(&database.pool, "posting").await?;
    let first = with_run(&database.pool, "curation", 1, Outcome::Success).await?;
    with_run(&database.pool, "posting", 2, Outcome::Success).await?;
    let last = with_run(&database.pool, "curation", 3, Outcome::Success).await?;
    let router = readable(&database);
    let all = get(&router, "/api/v1/executions/actor/curation").await?.json()?;
    assert_eq!(ids(&all), [last, first]);
    let newest = get(&router, "/api/v1/executions/actor/curation?limit=1")
        .await?
        .json()?;
    assert_eq!(ids(&newest), [last]);
    Ok(())
}

#[tokio::test]
async fn the_success_rate_is_over_the_decided_ones_of_the_five_newest_runs() -> TestResult {
    let database = botticelli_testkit::database().await;
    with_actor(&database.pool, "curation").await?;
    let outcomes = [
        Outcome::Failure,
        Outcome::Success,
        Outcome::Success,
        Outcome::Failure,
        Outcome::Skipped,
        Outcome::Success,
    ];
    for (job, outcome) in (1..).zip(outcomes) {
        with_run(&database.pool, "curation", job, outcome).await?;
    }
    let status = get(&readable(&database), "/api/v1/actors/curation/status")
        .await?
        .json()?;
    assert_eq!(status.get("recent_executions"), Some(&json!(5)));
    assert_eq!(status.get("recent_success_rate"), Some(&json!("75.0%")));
    Ok(())
}

#[tokio::test]
async fn an_unknown_run_is_a_404() -> TestResult {
    let database = botticelli_testkit::database().await;
    let answer = get(&readable(&database), "/api/v1/executions/4711").await?;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(
        answer.json()?.get("detail"),
        Some(&json!(
            "there is no execution `4711`; `GET /api/v1/executions` lists the newest"
        ))
    );
    Ok(())
}
