//! No statement takes for ever.

use botticelli_database::begin;
use botticelli_testkit::database;

use crate::{TestResult, pool};

const LIMITS: &str = "select current_setting('statement_timeout') || ' ' || current_setting('idle_in_transaction_session_timeout') || ' jit ' || current_setting('jit')";

#[tokio::test]
async fn every_connection_of_a_pool_is_limited() -> TestResult {
    let database = database().await;
    let pool = pool(&database.url).await?;
    let (mut one, mut other) = (pool.acquire().await?, pool.acquire().await?);
    for connection in [&mut one, &mut other] {
        let limits: String = sqlx::query_scalar(LIMITS).fetch_one(&mut **connection).await?;
        assert_eq!(limits, "30s 10s jit off");
    }
    Ok(())
}

#[tokio::test]
async fn a_transaction_brings_the_limits_and_takes_them_along() -> TestResult {
    let database = database().await;
    let before: String = sqlx::query_scalar(LIMITS).fetch_one(&database.pool).await?;
    let mut transaction = begin(&database.pool).await?;
    let limits: String = sqlx::query_scalar(LIMITS).fetch_one(&mut *transaction).await?;
    assert_eq!(limits, "30s 10s jit off");
    transaction.commit().await?;
    let after: String = sqlx::query_scalar(LIMITS).fetch_one(&database.pool).await?;
    assert_eq!(after, before);
    Ok(())
}
