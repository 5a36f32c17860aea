//! Connections that break while a job runs.

use std::time::Duration;

use crate::bench::{Bench, CONNECTIONS};

#[tokio::test]
async fn a_run_whose_connections_were_cut_is_recorded_all_the_same() {
    let bench = Bench::new().await;
    bench.llm.hold();
    bench.enqueue("generation").await;
    bench.llm.request(1).await;
    let cut =
        format!("select pg_terminate_backend(pid) from pg_stat_activity where application_name = '{CONNECTIONS}'");
    assert!(!bench.database.rows(&cut).await.is_empty());
    bench.llm.release();
    bench
        .database
        .until("exists (select from botticelli.job_history where queue = 'generation')")
        .await;
    assert_eq!(bench.runs().await[0], "1|success|");
    // It hears of new jobs again as well.
    bench.enqueue("say").await;
    bench
        .database
        .until("exists (select from botticelli.job_history where queue = 'say')")
        .await;
}

#[tokio::test]
async fn an_end_that_could_not_be_recorded_is_recorded_later() {
    let bench = Bench::new().await;
    bench.llm.hold();
    bench.enqueue("say").await;
    bench.llm.request(1).await;
    // A row that is written with the end of a run, and not before, is locked: recording begins and cannot go on.
    let mut lock = bench.database.pool.begin().await.unwrap();
    sqlx::query("select from botticelli.actor_server_state for update")
        .execute(&mut *lock)
        .await
        .unwrap();
    bench.llm.release();
    let cut = format!(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = '{CONNECTIONS}' and wait_event_type = 'Lock'"
    );
    // The database does not announce that somebody waits for a lock.
    while bench.database.rows(&cut).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    lock.rollback().await.unwrap();
    bench.ended(1).await;
    assert_eq!(bench.runs().await, ["1|success|"]);
    assert_eq!(bench.llm.requests().len(), 1);
}
