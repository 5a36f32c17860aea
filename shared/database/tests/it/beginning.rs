//! A transaction whose beginning was cut off is in nobody's way.

use std::time::Duration;

use botticelli_database::transaction;
use botticelli_testkit::{FaultProxy, Way, database};
use sqlx::postgres::PgPoolOptions;

use crate::TestResult;

#[tokio::test]
async fn a_transaction_whose_beginning_nobody_waits_for_any_more_holds_nothing_of_the_next_one() -> TestResult {
    let database = database().await;
    let proxy = FaultProxy::before(&database.url).await;
    let pool = PgPoolOptions::new().max_connections(1).connect(proxy.url()).await?;
    sqlx::raw_sql("create table written (number integer)")
        .execute(&pool)
        .await?;
    // The server begins, and its answer does not come in time.
    proxy.blackhole(Way::FromServer);
    let begun = tokio::time::timeout(Duration::from_millis(100), transaction(&pool)).await;
    assert!(begun.is_err());
    proxy.forward();
    sqlx::raw_sql("insert into written values (1)").execute(&pool).await?;
    assert_eq!(database.row("select count(*) from written").await, "1");
    Ok(())
}
