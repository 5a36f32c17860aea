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

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_job_of_another_kind_is_given_up_with_the_reason() {
    let bench = Bench::new().await;
    bench
        .database
        .execute("insert into botticelli.waiting_jobs (queue, kind, max_attempts) values ('say', 'posting', 3)")
        .await;
    bench.ended(1).await;
    assert_eq!(
        bench.database.row("select reason from botticelli.dead_jobs").await,
        "the job is of kind `posting`, and this handler takes jobs of kind `narrative`"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_job_of_a_newer_program_waits_for_one_without_using_up_its_tries_or_the_breaker() {
    let bench = Bench::new().await;
    bench
        .database
        .execute("select botticelli.enqueue('say', max_attempts => 1, version => 2)")
        .await;
    bench
        .database
        .until("exists (select from botticelli.waiting_jobs where attempt = 3 and interruptions = 3)")
        .await;
    let reason =
        "the job's arguments have version 2, and this program reads `narrative` up to version 1; it takes a newer one";
    assert_eq!(
        bench.runs().await[..3],
        ["1", "2", "3"].map(|attempt| format!("{attempt}|interrupted|{reason}"))
    );
    let log = "select level, message from botticelli.job_log(1) limit 1";
    assert_eq!(bench.database.row(log).await, format!("warn|{reason}"));
    let failures = "select consecutive_failures, is_paused from botticelli.actor_server_state where task_id = 'say'";
    assert_eq!(bench.database.row(failures).await, "0|f");
    // As a newer worker would find it.
    bench
        .database
        .execute("update botticelli.waiting_jobs set version = 1, run_at = now(), is_ready = true")
        .await;
    bench.enqueue("say").await;
    bench.ended(2).await;
    assert_eq!(
        bench.database.row("select state from botticelli.job(1)").await,
        "completed"
    );
}
