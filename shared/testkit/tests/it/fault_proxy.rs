//! The proxy fails as it is told, in front of a real PostgreSQL.

use std::time::Duration;

use botticelli_testkit::{FaultProxy, TestDatabase, Way};
use sqlx::{Connection, PgConnection};

use crate::TestResult;

const NOTE: &str = "insert into notes values (1)";

async fn with_notes() -> (TestDatabase, FaultProxy) {
    let database = botticelli_testkit::database().await;
    database.execute("create table notes (number integer)").await;
    let proxy = FaultProxy::before(&database.url).await;
    (database, proxy)
}

async fn notes(database: &TestDatabase) -> String {
    database.row("select count(*) from notes").await
}

#[tokio::test]
async fn it_forwards_until_it_is_told_otherwise() -> TestResult {
    let (database, proxy) = with_notes().await;
    assert_ne!(proxy.url(), database.url);
    let mut connection = PgConnection::connect(proxy.url()).await?;
    // More than one buffer of the proxy, both ways.
    let long = "x".repeat(100_000);
    let echoed: String = sqlx::query_scalar("select $1")
        .bind(&long)
        .fetch_one(&mut connection)
        .await?;
    assert_eq!(echoed, long);
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn what_goes_into_a_black_hole_on_the_way_to_the_server_has_no_effect_until_the_network_heals() -> TestResult {
    let (database, proxy) = with_notes().await;
    let mut connection = PgConnection::connect(proxy.url()).await?;
    proxy.blackhole(Way::ToServer);
    let insert = sqlx::raw_sql(NOTE).execute(&mut connection);
    let healing = async {
        proxy.until_held(Way::ToServer).await;
        assert_eq!(notes(&database).await, "0");
        proxy.forward();
    };
    let (inserted, ()) = tokio::join!(insert, healing);
    inserted?;
    assert_eq!(notes(&database).await, "1");
    Ok(())
}

#[tokio::test]
async fn a_statement_whose_answer_goes_into_a_black_hole_has_taken_effect() -> TestResult {
    let (database, proxy) = with_notes().await;
    let mut connection = PgConnection::connect(proxy.url()).await?;
    proxy.blackhole(Way::FromServer);
    let insert = sqlx::raw_sql(NOTE).execute(&mut connection);
    let healing = async {
        proxy.until_held(Way::FromServer).await;
        assert_eq!(notes(&database).await, "1");
        proxy.forward();
    };
    let (inserted, ()) = tokio::join!(insert, healing);
    inserted?;
    Ok(())
}

#[tokio::test]
async fn a_black_hole_accepts_new_connections_and_lets_none_in() -> TestResult {
    let (_database, proxy) = with_notes().await;
    proxy.blackhole(Way::ToServer);
    proxy.blackhole(Way::FromServer);
    let healing = async {
        proxy.until_held(Way::ToServer).await;
        proxy.forward();
    };
    let (connected, ()) = tokio::join!(PgConnection::connect(proxy.url()), healing);
    connected?.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_cut_ends_every_connection_and_new_ones_work() -> TestResult {
    let (database, proxy) = with_notes().await;
    let mut first = PgConnection::connect(proxy.url()).await?;
    let mut second = PgConnection::connect(proxy.url()).await?;
    proxy.cut();
    assert!(sqlx::raw_sql(NOTE).execute(&mut first).await.is_err());
    assert!(sqlx::raw_sql(NOTE).execute(&mut second).await.is_err());
    let mut third = PgConnection::connect(proxy.url()).await?;
    sqlx::raw_sql(NOTE).execute(&mut third).await?;
    assert_eq!(notes(&database).await, "1");
    Ok(())
}

#[tokio::test]
async fn a_cut_ends_connections_that_hang_in_a_black_hole() -> TestResult {
    let (database, proxy) = with_notes().await;
    let mut connection = PgConnection::connect(proxy.url()).await?;
    proxy.blackhole(Way::FromServer);
    let cutting = async {
        proxy.until_held(Way::FromServer).await;
        proxy.cut();
    };
    let (inserted, ()) = tokio::join!(sqlx::raw_sql(NOTE).execute(&mut connection), cutting);
    assert!(inserted.is_err());
    assert_eq!(notes(&database).await, "1");
    Ok(())
}

#[tokio::test]
async fn a_commit_reaches_the_server_and_its_answer_is_lost() -> TestResult {
    let (database, proxy) = with_notes().await;
    let mut connection = PgConnection::connect(proxy.url()).await?;
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(NOTE).execute(&mut *transaction).await?;
    proxy.cut_after(0);
    assert!(transaction.commit().await.is_err());
    assert_eq!(notes(&database).await, "1");
    // Once is enough; the next connection is let through.
    PgConnection::connect(proxy.url()).await?.close().await?;
    Ok(())
}

#[tokio::test]
async fn an_answer_is_cut_in_its_middle() -> TestResult {
    let (database, proxy) = with_notes().await;
    database
        .execute("insert into notes select * from generate_series(1, 10000)")
        .await;
    let mut connection = PgConnection::connect(proxy.url()).await?;
    proxy.cut_after(2_000);
    let short: i32 = sqlx::query_scalar("select 7").fetch_one(&mut connection).await?;
    assert_eq!(short, 7);
    let rows: Result<Vec<i32>, _> = sqlx::query_scalar("select number from notes")
        .fetch_all(&mut connection)
        .await;
    assert!(rows.is_err());
    Ok(())
}

#[tokio::test]
async fn a_delay_holds_up_both_the_question_and_the_answer() -> TestResult {
    let (_database, proxy) = with_notes().await;
    let mut connection = PgConnection::connect(proxy.url()).await?;
    proxy.delay(Duration::from_millis(60));
    let asked = tokio::time::Instant::now();
    sqlx::raw_sql(NOTE).execute(&mut connection).await?;
    // Only ever too slow, never too fast: nothing but the delays can make it take this long at least.
    assert!(asked.elapsed() >= Duration::from_millis(120));
    Ok(())
}

#[tokio::test]
async fn it_leads_to_another_server_when_told() -> TestResult {
    let database = botticelli_testkit::database().await;
    // Nobody listens on the first port.
    let proxy = FaultProxy::before("postgres://botticelli@127.0.0.1:1/botticelli").await;
    assert!(PgConnection::connect(proxy.url()).await.is_err());
    proxy.lead_to(&database.url).await;
    let own = host_and_port(proxy.url());
    let through = database.url.replacen(&host_and_port(&database.url), &own, 1);
    PgConnection::connect(&through).await?.close().await?;
    Ok(())
}

fn host_and_port(url: &str) -> String {
    let after = url.split_once('@').map_or(url, |(_, rest)| rest);
    after.split('/').next().unwrap_or(after).to_owned()
}
