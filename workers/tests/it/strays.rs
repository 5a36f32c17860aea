//! Jobs that are claimed under a worker's identity and never reached it.

use crate::bench::{Bench, Options};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_job_whose_claim_was_lost_runs_after_the_poll_and_one_in_hand_goes_on() {
    let bench = Bench::with(Options {
        queue: "poll_interval = \"100ms\"",
        say: "slots = 2",
        ..Options::default()
    })
    .await;
    bench.llm.hold();
    bench.enqueue("say").await;
    bench.llm.request(1).await;
    // What a claim leaves behind when its connection breaks between the commit and the answer.
    let lost = format!(
        "insert into botticelli.jobs (queue, kind, max_attempts, state, worker_id, attempt)
         values ('say', 'narrative', 1, 'running', '{}', 1)",
        bench.identity()
    );
    bench.database.execute(&lost).await;
    bench.llm.request(2).await;
    bench.llm.release();
    bench.ended(2).await;
    let history = "select attempt, interruptions, state from botticelli.job_history order by id";
    assert_eq!(bench.database.rows(history).await, ["1|0|completed", "2|1|completed"]);
}
