//! Every test has a database of its own.

use botticelli_testkit::database;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::TestResult;

#[tokio::test]
async fn a_test_starts_with_every_migration_applied() -> TestResult {
    let database = database().await;
    let tables: i64 =
        sqlx::query_scalar("select count(*) from information_schema.tables where table_schema = 'botticelli'")
            .fetch_one(&database.pool)
            .await?;
    assert!(tables > 0);
    Ok(())
}

#[tokio::test]
async fn what_one_test_writes_another_does_not_see() -> TestResult {
    let (one, other) = tokio::join!(database(), database());
    sqlx::query("create table public.mine ()").execute(&one.pool).await?;
    let seen: bool = sqlx::query_scalar("select to_regclass('public.mine') is not null")
        .fetch_one(&other.pool)
        .await?;
    assert!(!seen);
    Ok(())
}

#[tokio::test]
async fn the_database_goes_with_its_test() -> TestResult {
    let kept = database().await;
    let dropped = database().await;
    let name: String = sqlx::query_scalar("select current_database()")
        .fetch_one(&dropped.pool)
        .await?;
    drop(dropped);
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(&kept.pool)
        .await?;
    assert!(!exists);
    Ok(())
}

#[tokio::test]
async fn what_a_killed_test_left_behind_is_dropped_by_a_later_one() -> TestResult {
    let first = database().await;
    // One made in 1970; the pid keeps it apart from the same test of another run.
    let stale = format!("t_1_{}_0", std::process::id());
    let statement = format!("create database \"{stale}\"");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&first.pool).await?;

    let second = database().await;
    let mut connection = PgConnection::connect(&second.url).await?;
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(stale)
        .fetch_one(&mut connection)
        .await?;
    assert!(!exists);
    Ok(())
}

#[tokio::test]
async fn a_test_can_wait_for_what_others_write() {
    let database = database().await;
    let insert = "insert into botticelli.queues values ('posting', 'posting', 5), ('curation', null, 5)";
    let wait = database.until("exists (select from botticelli.queues)");
    let write = async {
        tokio::task::yield_now().await;
        database.execute(&insert.replace("null", "''")).await;
    };
    tokio::join!(wait, write);
    assert_eq!(
        database
            .rows("select name, kind, null from botticelli.queues order by name")
            .await,
        ["curation||", "posting|posting|"]
    );
    assert_eq!(database.row("select count(*) from botticelli.queues").await, "2");
}
