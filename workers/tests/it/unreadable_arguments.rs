//! Arguments that PostgreSQL takes for JSON and a worker cannot read.

use crate::bench::{Bench, Options};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_job_of_another_kind_or_of_a_newer_program_is_given_up_with_the_reason() {
    let bench = Bench::with(Options {
        queue: "max_attempts = 1",
        ..Options::default()
    })
    .await;
    bench
        .database
        .execute(
            "insert into botticelli.waiting_jobs (queue, kind, max_attempts) values ('say', 'posting', 3);
             select botticelli.enqueue('say', version => 2)",
        )
        .await;
    bench.ended(2).await;
    assert_eq!(
        bench
            .database
            .rows("select reason from botticelli.dead_jobs order by id")
            .await,
        [
            "the job is of kind `posting`, and this handler takes jobs of kind `narrative`",
            "the job's arguments have version 2, and this program reads `narrative` up to version 1; redrive the job once newer workers run",
        ]
    );
}
