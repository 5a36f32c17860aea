//! What was granted survives a crash of the server.

use std::{str::FromStr, time::Duration};

use botticelli_database::PoolSize;
use botticelli_ledger::{Period, RateLimits, Reserved, Scope, reserve};
use botticelli_testkit::PrivateCluster;
use secrecy::SecretString;
use sqlx::PgPool;

use crate::{reservation, tokens};

async fn connect(cluster: &PrivateCluster) -> PgPool {
    let url = SecretString::from(cluster.url().to_owned());
    botticelli_database::connect(&url, PoolSize(2), "ledger-test")
        .await
        .unwrap()
}

#[tokio::test]
async fn a_call_that_may_be_sent_is_on_record_after_a_crash_of_the_server_in_the_same_moment() {
    let mut cluster = PrivateCluster::start().await;
    let options = sqlx::postgres::PgConnectOptions::from_str(cluster.url()).unwrap();
    let pool = PgPool::connect_with(options).await.unwrap();
    // Nothing but a commit that waits for it writes the log to the disk.
    for setting in [
        "wal_writer_delay = '10s'",
        "wal_writer_flush_after = '1GB'",
        "bgwriter_delay = '10s'",
    ] {
        let statement = format!("alter system set {setting}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&pool)
            .await
            .unwrap();
    }
    sqlx::raw_sql("select pg_reload_conf()").execute(&pool).await.unwrap();
    pool.close().await;
    let pool = connect(&cluster).await;
    let limits = RateLimits {
        requests_per_minute: 10.try_into().ok(),
        ..RateLimits::default()
    };
    let mut one = reservation(&[tokens(Scope::Fleet, Period::None, 1000)], &[limits]);
    one.hold = Duration::from_mins(10);
    for granted in 1..=3 {
        let pool = connect(&cluster).await;
        let answer = reserve(&pool, &one).await.unwrap();
        assert!(matches!(answer, Reserved::Granted(_)), "{answer:?}");
        cluster.restart_immediately().await;
        let pool = connect(&cluster).await;
        let (open, reserved, minute): (i64, i64, i64) = sqlx::query_as(
            "select (select count(*) from botticelli.open_calls), (select reserved_tokens from botticelli.budget_usage),
                    (select minute_requests from botticelli.rate_buckets)",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        assert_eq!((open, reserved, minute), (granted, 100 * granted, granted));
    }
    pool.close().await;
    cluster.stop().await;
}
