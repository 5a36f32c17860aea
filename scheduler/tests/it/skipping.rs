//! Ticks without a job, and the reason that is kept of each.

use crate::bench::{Bench, at};

/// A bench whose schedule is known, so that its ticks count.
async fn after_the_baseline() -> Bench {
    let bench = Bench::new().await;
    bench.ticker("0 * * * *").round(at("08:30")).await.unwrap();
    bench
}

async fn reason_at(bench: &Bench, time: &str) -> String {
    bench.ticker("0 * * * *").round(at(time)).await.unwrap();
    bench.ticks().await.pop().unwrap()
}

#[tokio::test]
async fn a_tick_of_a_paused_actor_is_skipped_and_not_made_up_for() {
    let bench = after_the_baseline().await;
    assert!(
        botticelli_actors::pause(&bench.database.pool, "generation", "ops")
            .await
            .unwrap()
    );
    assert_eq!(
        reason_at(&bench, "09:00").await,
        "09:00||skipped|the actor is paused (manual)"
    );
    assert!(
        botticelli_actors::resume(&bench.database.pool, "generation")
            .await
            .unwrap()
    );
    bench.ticker("0 * * * *").round(at("09:30")).await.unwrap();
    assert_eq!(bench.jobs().await, "0");
    assert_eq!(reason_at(&bench, "10:00").await, "10:00||enqueued|");
}

#[tokio::test]
async fn a_tick_of_an_actor_whose_breaker_is_open_says_so() {
    let bench = after_the_baseline().await;
    bench
        .database
        .execute(
            "update botticelli.actor_server_state
             set is_paused = true, paused_reason = 'circuit_breaker', breaker_state = 'open'",
        )
        .await;
    assert_eq!(
        reason_at(&bench, "09:00").await,
        "09:00||skipped|the actor is paused (circuit_breaker)"
    );
}

#[tokio::test]
async fn a_tick_is_skipped_while_the_last_job_waits_or_runs() {
    let bench = after_the_baseline().await;
    assert_eq!(reason_at(&bench, "09:00").await, "09:00||enqueued|");
    assert_eq!(
        reason_at(&bench, "10:00").await,
        "10:00||skipped|a job of this actor waits or runs already"
    );
    assert_eq!(bench.jobs().await, "1");
    bench.finish_jobs().await;
    assert_eq!(reason_at(&bench, "11:00").await, "11:00||enqueued|");
}

#[tokio::test]
async fn another_actors_job_holds_nothing_up() {
    let bench = after_the_baseline().await;
    bench.register("curation").await;
    bench.database.execute("select botticelli.enqueue('curation')").await;
    assert_eq!(reason_at(&bench, "09:00").await, "09:00||enqueued|");
}
