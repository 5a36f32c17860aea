//! The server gives up the end of a run (SQLSTATE 40001, 40P01): it is recorded once all the same.

use std::time::Duration;

use crate::bench::{Bench, CONNECTIONS, Options};

/// Waits until the worker waits for a lock. The server announces that to nobody.
async fn worker_waits(bench: &Bench) {
    let waits =
        format!("select from pg_stat_activity where application_name = '{CONNECTIONS}' and wait_event_type = 'Lock'");
    while bench.database.rows(&waits).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn one_run_is_recorded(bench: &Bench) {
    bench.ended(1).await;
    assert_eq!(bench.runs().await, ["1|success|"]);
    assert_eq!(bench.llm.requests().len(), 1);
    let history = "select state, attempt from botticelli.job_history";
    assert_eq!(bench.database.rows(history).await, ["completed|1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_end_under_whose_snapshot_a_row_is_changed_is_recorded_once() {
    for isolation in ["repeatable read", "serializable"] {
        let bench = Bench::with(Options {
            isolation: Some(isolation),
            ..Options::default()
        })
        .await;
        bench.llm.hold();
        bench.enqueue("say").await;
        bench.llm.request(1).await;
        let mut other = bench.database.pool.begin().await.unwrap();
        // Written with the end of a run, and not before.
        sqlx::query("update botticelli.actor_server_state set consecutive_failures = consecutive_failures")
            .execute(&mut *other)
            .await
            .unwrap();
        bench.llm.release();
        worker_waits(&bench).await;
        other.commit().await.unwrap();
        one_run_is_recorded(&bench).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_end_that_is_given_up_in_a_deadlock_is_recorded_once() {
    let bench = Bench::new().await;
    bench.llm.hold();
    bench.enqueue("say").await;
    bench.llm.request(1).await;
    let mut other = bench.database.pool.begin().await.unwrap();
    // What the worker writes last is held, and what it has locked first is wanted. It waits first and so looks first.
    sqlx::raw_sql("set local deadlock_timeout = '1min'; select from botticelli.actor_server_state for update")
        .execute(&mut *other)
        .await
        .unwrap();
    bench.llm.release();
    worker_waits(&bench).await;
    let crossed = sqlx::query("update botticelli.claims set queue = queue")
        .execute(&mut *other)
        .await;
    assert_eq!(crossed.unwrap().rows_affected(), 1);
    other.rollback().await.unwrap();
    one_run_is_recorded(&bench).await;
}
