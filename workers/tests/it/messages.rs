//! What can be said to a narrative actor.

use botticelli_workers::{ActorStatus, NarrativeActorMessage};
use ractor::concurrency::oneshot;

use crate::bench::{Bench, Options};

async fn status(bench: &Bench) -> ActorStatus {
    let statuses = bench.fleet.status().await;
    statuses.into_iter().find(|status| &*status.name == "say").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_job_enqueued_by_sql_runs_at_once_because_it_is_announced() {
    let bench = Bench::new().await;
    bench.enqueue("say").await;
    bench.ended(1).await;
    assert_eq!(bench.runs().await, ["1|success|"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn execute_runs_what_nobody_announced() {
    let bench = Bench::new().await;
    bench
        .database
        .execute("alter table botticelli.waiting_jobs disable trigger announce_inserted_jobs")
        .await;
    bench.enqueue("say").await;
    bench.fleet.tell("say", NarrativeActorMessage::Execute);
    bench.ended(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_job_that_nobody_announced_is_found_by_the_poll() {
    let bench = Bench::with(Options {
        queue: "poll_interval = \"100ms\"",
        ..Options::default()
    })
    .await;
    bench
        .database
        .execute("alter table botticelli.waiting_jobs disable trigger announce_inserted_jobs")
        .await;
    bench.enqueue("say").await;
    bench.ended(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_job_for_later_runs_when_its_time_comes_without_a_poll() {
    let bench = Bench::new().await;
    bench
        .database
        .execute("select botticelli.enqueue('say', run_at => now() + interval '400 milliseconds')")
        .await;
    bench.ended(1).await;
    let waited = "select attempted_at >= run_at from botticelli.job_history";
    assert_eq!(bench.database.row(waited).await, "t");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_paused_actor_answers_and_claims_nothing_until_it_is_resumed() {
    let bench = Bench::new().await;
    bench.fleet.tell("say", NarrativeActorMessage::Pause("ops".to_owned()));
    let paused = "exists (select from botticelli.actor_server_state
                          where task_id = 'say' and paused_reason = 'manual' and paused_by = 'ops')";
    bench.database.until(paused).await;
    bench.enqueue("say").await;
    bench.fleet.tell("say", NarrativeActorMessage::Execute);
    // Answered after the message before it.
    let paused = status(&bench).await;
    assert_eq!((paused.running, paused.slots, paused.is_draining), (0, 1, false));
    assert_eq!(bench.waiting().await, ["available|0"]);
    // Others go on.
    bench.enqueue("generation").await;
    bench
        .database
        .until("exists (select from botticelli.job_history where queue = 'generation')")
        .await;

    bench.fleet.tell("say", NarrativeActorMessage::Resume);
    bench
        .database
        .until("exists (select from botticelli.job_history where queue = 'say')")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_status_counts_what_runs_and_no_more_is_claimed_than_there_are_slots() {
    let bench = Bench::new().await;
    bench.llm.hold();
    bench.enqueue("say").await;
    bench.enqueue("say").await;
    bench.llm.request(1).await;
    assert_eq!(status(&bench).await.running, 1);
    assert_eq!(bench.waiting().await, ["running|1", "available|0"]);
    bench.llm.release();
    bench.ended(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn shutdown_is_answered_once_the_job_in_hand_is_recorded_and_no_other_is_claimed() {
    let bench = Bench::new().await;
    bench.llm.hold();
    bench.enqueue("say").await;
    bench.enqueue("say").await;
    bench.llm.request(1).await;
    let (reply, mut answer) = oneshot();
    bench.fleet.tell("say", NarrativeActorMessage::Shutdown(reply.into()));
    assert!(status(&bench).await.is_draining);
    assert!(answer.try_recv().is_err(), "a job is still in hand");
    bench.llm.release();
    answer.await.unwrap();
    assert_eq!(bench.runs().await, ["1|success|"]);
    bench.fleet.tell("say", NarrativeActorMessage::Execute);
    assert_eq!(status(&bench).await.running, 0);
    assert_eq!(bench.waiting().await, ["available|0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_actor_that_is_not_here_is_told_nothing() {
    let bench = Bench::new().await;
    bench.fleet.tell("nobody", NarrativeActorMessage::Execute);
    bench.enqueue("say").await;
    bench.ended(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_drained_worker_leaves_no_lease_and_claims_nothing_more() {
    let bench = Bench::new().await;
    let database = bench.stop().await;
    assert_eq!(database.row("select count(*) from botticelli.workers").await, "0");
}
