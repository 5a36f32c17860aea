//! Arguments that PostgreSQL takes for JSON and a worker cannot read.

use crate::bench::Bench;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_job_with_arguments_that_cannot_be_read_is_discarded_and_the_next_one_runs() {
    let bench = Bench::new().await;
    bench
        .database
        .execute(r#"select botticelli.enqueue('say', '{"args": {"topic": 1e400}}')"#)
        .await;
    bench.enqueue("say").await;
    bench.ended(2).await;
    let history = "select state, attempt, errors -> 0 ->> 'error' from botticelli.job_history order by id";
    assert_eq!(
        bench.database.rows(history).await,
        [
            "discarded|1|the arguments of the job are not those of kind `narrative`: number out of range at line 1 column 420",
            "completed|1|"
        ]
    );
}
