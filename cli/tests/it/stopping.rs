//! Stopping a worker in the middle of an act.

use crate::stage::{Stage, pipeline};

#[tokio::test]
async fn a_worker_that_is_asked_to_stop_finishes_the_job_in_hand() {
    let stage = Stage::new(&pipeline("manual", "noop")).await;
    let mut worker = stage.worker().await;
    stage.llm.hold_from(3);
    stage.enqueue("generation").await;
    stage.llm.request(3).await;
    worker.terminate();
    worker.line("draining").await;
    stage.llm.release();
    assert_eq!(worker.exit().await.code(), Some(0), "{}", worker.output());
    assert_eq!(stage.runs().await[0], "generation|1|success");
    let held = "select count(*) from botticelli.jobs where state = 'running'";
    assert_eq!(stage.database.row(held).await, "0");
}

#[tokio::test]
async fn a_job_that_outlasts_the_drain_is_handed_back_without_using_a_try() {
    let stage = Stage::with_drain_timeout("300ms", &pipeline("manual", "noop")).await;
    let mut worker = stage.worker().await;
    stage.llm.hold_from(3);
    stage.enqueue("generation").await;
    stage.llm.request(3).await;
    worker.terminate();
    assert_eq!(worker.exit().await.code(), Some(0), "{}", worker.output());
    assert_eq!(stage.runs().await, ["generation|1|interrupted"]);
    assert_eq!(
        stage
            .database
            .rows("select state, attempt, interruptions, errors from botticelli.jobs")
            .await,
        ["available|1|1|[]"]
    );

    stage.llm.release();
    let _heir = stage.worker().await;
    stage
        .database
        .until("exists (select from botticelli.actor_server_executions where outcome = 'success')")
        .await;
    let resumed = "select attempt, metadata ->> 'acts_resumed' from botticelli.actor_server_executions
                   where outcome = 'success' and actor_name = 'generation'";
    assert_eq!(stage.database.row(resumed).await, "2|2");
}

#[tokio::test]
async fn a_second_signal_drops_the_job_in_hand_at_once() {
    let stage = Stage::new(&pipeline("manual", "noop")).await;
    let mut worker = stage.worker().await;
    stage.llm.hold();
    stage.enqueue("generation").await;
    stage.llm.request(1).await;
    worker.terminate();
    worker.line("draining").await;
    worker.interrupt();
    assert_eq!(worker.exit().await.code(), Some(130), "{}", worker.output());
    assert_eq!(stage.runs().await, ["generation|1|interrupted"]);
}
