//! The breaker: an actor that keeps failing is paused, and one run later decides whether it is well again.

use botticelli_actors::half_open_due_breakers;
use botticelli_testkit::LlmReply;

use crate::bench::{Bench, Options};

const STATE: &str = "select is_paused, paused_reason, breaker_state, consecutive_failures
                     from botticelli.actor_server_state where task_id = 'say'";

/// A bench whose actor has failed three times in a row, which is as often as it may; a fourth job waits.
async fn tripped() -> Bench {
    let bench = Bench::with(Options {
        queue: "max_attempts = 1",
        say: "breaker_failures = 3\nbreaker_cooldown = \"1h\"",
        ..Options::default()
    })
    .await;
    for _ in 0..3 {
        bench.llm.reply_next(LlmReply::Garbage);
    }
    for jobs in 1..=3 {
        bench.enqueue("say").await;
        bench.ended(jobs).await;
    }
    assert_eq!(bench.database.row(STATE).await, "t|circuit_breaker|open|3");
    bench.enqueue("say").await;
    assert_eq!(bench.waiting().await, ["available|0"]);
    bench
}

async fn cool_down(bench: &Bench) {
    assert!(half_open_due_breakers(&bench.database.pool).await.unwrap().is_empty());
    bench
        .database
        .execute("update botticelli.actor_server_state set breaker_retry_at = now() where breaker_state = 'open'")
        .await;
    assert_eq!(half_open_due_breakers(&bench.database.pool).await.unwrap(), ["say"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn after_its_cool_down_a_run_that_works_closes_the_breaker() {
    let bench = tripped().await;
    cool_down(&bench).await;
    bench.ended(4).await;
    assert_eq!(bench.runs().await[3], "1|success|");
    assert_eq!(bench.database.row(STATE).await, "f||closed|0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn after_its_cool_down_a_run_that_fails_opens_the_breaker_again() {
    let bench = tripped().await;
    bench.llm.reply_next(LlmReply::Garbage);
    cool_down(&bench).await;
    bench.ended(4).await;
    assert_eq!(bench.database.row(STATE).await, "t|circuit_breaker|open|4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_person_may_resume_at_once_and_forgives_the_failures() {
    let bench = tripped().await;
    assert!(botticelli_actors::resume(&bench.database.pool, "say").await.unwrap());
    bench.ended(4).await;
    assert_eq!(bench.database.row(STATE).await, "f||closed|0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_success_in_between_starts_the_count_again() {
    let bench = Bench::with(Options {
        queue: "max_attempts = 1",
        say: "breaker_failures = 2",
        ..Options::default()
    })
    .await;
    for (jobs, reply) in (1..).zip([LlmReply::Garbage, LlmReply::Text("Well.".to_owned()), LlmReply::Garbage]) {
        bench.llm.reply_next(reply);
        bench.enqueue("say").await;
        bench.ended(jobs).await;
    }
    assert_eq!(bench.database.row(STATE).await, "f||closed|1");
}
