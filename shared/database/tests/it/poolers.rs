//! Behind a connection pooler: what works, and what says that it cannot.

use botticelli_database::{ConnectError, SchemaError, check_schema, connect_sessionless, migrate, sessionless};
use botticelli_testkit::{PgBouncer, PoolMode, database};
use secrecy::SecretString;
use tokio::task::JoinSet;

use crate::{SIZE, TestResult, pool};

#[tokio::test]
async fn a_pool_of_sessions_is_refused_behind_a_pooler_in_transaction_mode_with_the_way_out() -> TestResult {
    let database = database().await;
    let pooler = PgBouncer::before(&database.url, PoolMode::Transaction).await;
    let refusal = pool(pooler.url()).await.map(drop).map_err(|error| error.to_string());
    let refusal = refusal.err().ok_or("a pool was opened")?;
    assert!(
        refusal.contains("is reached through a connection pooler in transaction mode")
            && refusal.contains("it would not hear of new jobs and of cancellations (LISTEN)")
            && refusal.ends_with("let DATABASE_URL name the PostgreSQL server itself, or a pool in session mode"),
        "{refusal}"
    );
    Ok(())
}

#[tokio::test]
async fn a_pooler_in_transaction_mode_is_seen_also_when_it_is_at_its_limit() -> TestResult {
    let database = database().await;
    let pooler = PgBouncer::before(&database.url, PoolMode::Transaction).await;
    let mut others = JoinSet::new();
    // More clients than it has connections to the server, each of which asks again at once.
    for _ in 0..30 {
        let pool = connect_sessionless(&SecretString::from(pooler.url()), SIZE, "another").await?;
        others.spawn(async move { while sqlx::raw_sql("select pg_sleep(0.001)").execute(&pool).await.is_ok() {} });
    }
    for _ in 0..10 {
        assert!(matches!(pool(pooler.url()).await, Err(ConnectError::Pooler { .. })));
    }
    Ok(())
}

#[tokio::test]
async fn a_pooler_in_session_mode_is_taken_for_what_it_is() -> TestResult {
    let database = database().await;
    let pooler = PgBouncer::before(&database.url, PoolMode::Session).await;
    let pool = pool(pooler.url()).await?;
    check_schema(&pool).await?;
    migrate(&pool).await?;
    let limit: String = sqlx::query_scalar("select current_setting('statement_timeout')")
        .fetch_one(&pool)
        .await?;
    assert_eq!(limit, "30s");
    Ok(())
}

#[tokio::test]
async fn a_server_itself_is_never_taken_for_a_pooler() -> TestResult {
    let database = database().await;
    for _ in 0..10 {
        pool(&database.url).await?.close().await;
    }
    Ok(())
}

#[tokio::test]
async fn migrating_behind_a_pooler_in_transaction_mode_is_refused() -> TestResult {
    let database = database().await;
    let pooler = PgBouncer::before(&database.url, PoolMode::Transaction).await;
    let pool = connect_sessionless(&SecretString::from(pooler.url()), SIZE, "a test").await?;
    check_schema(&pool).await?;
    assert!(matches!(migrate(&pool).await, Err(SchemaError::Pooler)));
    Ok(())
}

#[tokio::test]
async fn statements_without_a_session_are_not_mixed_up_by_clients_that_share_connections() -> TestResult {
    let database = database().await;
    let pooler = PgBouncer::before(&database.url, PoolMode::Transaction).await;
    let url = SecretString::from(pooler.url());
    let mut clients = JoinSet::new();
    for client in 0_i64..8 {
        let pool = connect_sessionless(&url, SIZE, "a test").await?;
        clients.spawn(async move {
            for round in 0_i64..25 {
                // Each its own text: a statement of another client would give another column.
                let wanted = client * 1000 + round;
                let text = sqlx::AssertSqlSafe(format!("select $1::bigint as client_{client}, '{client}'"));
                let (number, of): (i64, String) =
                    sqlx::query_as(text).bind(wanted).fetch_one(sessionless(&pool)).await?;
                assert_eq!((number, of), (wanted, client.to_string()));
                let none: Option<i64> = sqlx::query_scalar("select 1::bigint where $1")
                    .bind(false)
                    .fetch_optional(sessionless(&pool))
                    .await?;
                assert_eq!(none, None);
            }
            Ok::<_, sqlx::Error>(())
        });
    }
    while let Some(done) = clients.join_next().await {
        done??;
    }
    Ok(())
}

#[tokio::test]
async fn a_statement_without_a_session_that_fails_leaves_nothing_behind() -> TestResult {
    let database = database().await;
    let refused = sqlx::query("insert into botticelli.queues values ('a', 'a', $1)")
        .bind(0)
        .execute(sessionless(&database.pool))
        .await;
    assert!(matches!(refused, Err(sqlx::Error::Database(_))), "{refused:?}");
    let stored = sqlx::query("insert into botticelli.queues values ('a', 'a', $1)")
        .bind(5)
        .execute(sessionless(&database.pool))
        .await?;
    assert_eq!(stored.rows_affected(), 1);
    assert_eq!(database.row("select count(*) from botticelli.queues").await, "1");
    Ok(())
}
