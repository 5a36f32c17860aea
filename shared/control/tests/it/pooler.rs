//! The API behind a connection pooler in transaction mode.

use axum::http::StatusCode;
use botticelli_control::{AnonymousRole, ApiState, api_router};
use botticelli_database::{PoolSize, connect_sessionless};
use botticelli_testkit::{PgBouncer, PoolMode, database};
use secrecy::SecretString;
use tokio::task::JoinSet;

use crate::api_actors::with_actor;
use crate::client::{TestResult, get, health};

#[tokio::test]
async fn everything_that_the_api_reads_is_read_through_a_pooler_that_many_share() -> TestResult {
    let database = database().await;
    with_actor(&database.pool, "posting").await?;
    database
        .execute(
            "insert into botticelli.actor_server_executions (task_id, actor_name, job_id, attempt, worker_name)
             values ('posting', 'posting', 1, 1, 'a worker')",
        )
        .await;
    let pooler = PgBouncer::before(&database.url, PoolMode::Transaction).await;
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        let pool = connect_sessionless(&SecretString::from(pooler.url()), PoolSize(3), "a test").await?;
        let state = ApiState {
            pool,
            anonymous_role: AnonymousRole::ReadOnly,
        };
        let router = api_router(state, health());
        clients.spawn(async move {
            for path in [
                "actors",
                "actors/posting",
                "actors/posting/status",
                "executions",
                "executions/1",
                "executions/actor/posting",
            ] {
                for _ in 0..10 {
                    let answer = get(&router, &format!("/api/v1/{path}"))
                        .await
                        .map_err(|error| error.to_string())?;
                    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
                    assert!(answer.text.contains("posting"), "{path}: {}", answer.text);
                }
            }
            Ok::<_, String>(())
        });
    }
    while let Some(done) = clients.join_next().await {
        done??;
    }
    Ok(())
}
