//! Workers whose clocks are twenty minutes apart.

use botticelli_testkit::Skew;

use crate::stage::{Stage, pipeline};

/// Only generation, so that nothing else asks the model.
fn generation() -> String {
    pipeline("manual", "noop").replace("after = [\"generation\"]", "")
}

#[tokio::test]
async fn a_job_outlives_its_lease_in_the_hands_of_a_worker_whose_clock_is_wrong() {
    for skew in [Skew::Fast, Skew::Slow] {
        let stage = Stage::new(&generation()).await;
        let (_scheduler, _worker) = tokio::join!(stage.scheduler(), stage.worker_with_clock(skew));
        stage.llm.hold_from(4);
        stage.enqueue("generation").await;
        stage.llm.request(4).await;
        // The lease is renewed by now and again, or rescue would take the job.
        let renewed = "(select lease_until > started_at + interval '7 seconds' from botticelli.workers)";
        stage.database.until(renewed).await;
        stage.llm.release();
        stage
            .database
            .until("exists (select from botticelli.job_history where queue = 'generation')")
            .await;
        assert_eq!(stage.runs().await, ["generation|1|success"], "{skew:?}");
        let times = "select count(*) from botticelli.job_history
                     where abs(extract(epoch from finished_at - now())) > 60 or attempted_at < enqueued_at";
        assert_eq!(stage.database.row(times).await, "0", "{skew:?}");
    }
}

#[tokio::test]
async fn the_job_of_a_killed_worker_goes_on_elsewhere_whatever_the_two_clocks_say() {
    let stage = Stage::new(&generation()).await;
    let (_scheduler, fast, slow) = tokio::join!(
        stage.scheduler(),
        stage.worker_with_clock(Skew::Fast),
        stage.worker_with_clock(Skew::Slow)
    );
    stage.llm.hold_from(4);
    stage.enqueue("generation").await;
    stage.llm.request(4).await;
    let [mut victim, _heir] = stage.holder_first([fast, slow]).await;
    victim.kill();
    victim.exit().await;
    stage.llm.release();
    stage
        .database
        .until("exists (select from botticelli.job_history where queue = 'generation')")
        .await;
    assert_eq!(stage.runs().await, ["generation|1|lost", "generation|2|success"]);
}
