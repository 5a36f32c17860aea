//! PgBouncer in front of the database.

use botticelli_testkit::{PgBouncer, PoolMode, Process};

use crate::stage::{Stage, pipeline};

const REFUSAL: &str = "is reached through a connection pooler in transaction mode, and a process of the fleet needs sessions of \
                       its own: there it would not hear of new jobs and of cancellations (LISTEN), its lease would wait behind \
                       other clients, and its prepared statements would get lost; let DATABASE_URL name the PostgreSQL server \
                       itself, or a pool in session mode";

/// The last line of a process that ends by itself, and its exit code.
async fn last_words(mut process: Process) -> (String, Option<i32>) {
    let code = process.exit().await.code();
    (process.output().lines().last().unwrap_or_default().to_owned(), code)
}

#[tokio::test]
async fn processes_of_the_fleet_refuse_a_pooler_in_transaction_mode_and_say_what_would_be_wrong() {
    let stage = Stage::new(&pipeline("manual", "noop")).await;
    let pooler = PgBouncer::before(&stage.database.url, PoolMode::Transaction).await;
    let through = [("DATABASE_URL", pooler.url())];
    for process in [
        stage.start_with("botticelli-worker", &through),
        stage.start_with("botticelli-scheduler", &through),
        stage.cli(&["up"], &through),
    ] {
        let (words, code) = last_words(process).await;
        assert_eq!(code, Some(1), "{words}");
        assert!(
            words.starts_with("error: database `") && words.ends_with(REFUSAL),
            "{words}"
        );
    }
    let (words, code) = last_words(stage.cli(&["migrate"], &through)).await;
    assert_eq!(code, Some(1), "{words}");
    assert!(
        words.contains("where the lock that lets one process at a time migrate cannot be held"),
        "{words}"
    );
}

#[tokio::test]
async fn a_job_that_is_enqueued_through_a_pooler_runs_and_is_looked_at_through_it() {
    let stage = Stage::new(&pipeline("manual", "noop")).await;
    let pooler = PgBouncer::before(&stage.database.url, PoolMode::Transaction).await;
    let through = [("DATABASE_URL", pooler.url())];
    let _worker = stage.worker().await;
    let said = async |args: &[&str]| {
        let (words, code) = last_words(stage.cli(args, &through)).await;
        assert_eq!(code, Some(0), "{words}");
        words
    };
    assert_eq!(
        said(&["pause", "curation"]).await,
        "curation is paused: nothing of it starts until it is resumed"
    );
    assert_eq!(said(&["resume", "curation"]).await, "curation runs again");
    assert_eq!(said(&["enqueue", "generation"]).await, "enqueued job 1 for generation");
    stage
        .database
        .until("exists (select from botticelli.deliveries where state = 'published')")
        .await;
    assert!(
        said(&["jobs", "show", "1"]).await.starts_with("1 "),
        "the table of its tries"
    );
    assert!(
        said(&["jobs", "stats"]).await.starts_with("posting"),
        "the table of queues"
    );
    // Every command is a client of its own, and would meet the names that the one before has left.
    for args in [
        ["jobs", "list"],
        ["jobs", "dead"],
        ["pause", "--all"],
        ["resume", "--all"],
    ] {
        said(&args).await;
    }
    assert_eq!(said(&["jobs", "purge", "--yes"]).await, "0 dead jobs are deleted");
}

#[tokio::test]
async fn a_worker_behind_a_pooler_in_session_mode_hears_of_jobs() {
    let stage = Stage::new(&pipeline("manual", "noop")).await;
    let pooler = PgBouncer::before(&stage.database.url, PoolMode::Session).await;
    let variables = [("DATABASE_URL", pooler.url()), ("BOTTICELLI_QUEUE_POLL_INTERVAL", "1h")];
    let worker = stage.start_with("botticelli-worker", &variables);
    worker.line("serves").await;
    stage.enqueue("generation").await;
    stage
        .database
        .until("exists (select from botticelli.deliveries where state = 'published')")
        .await;
}
