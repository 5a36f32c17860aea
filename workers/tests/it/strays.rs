//! Jobs that are claimed under a worker's identity and never reached it.

use std::sync::Arc;

use botticelli_queue::{Room, claim};

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
    // What a claim leaves behind when its connection breaks between the commit and the answer. In one transaction with the
    // enqueuing, or the worker itself may be first.
    let mut transaction = bench.database.pool.begin().await.unwrap();
    sqlx::query("select botticelli.enqueue('say')")
        .execute(&mut *transaction)
        .await
        .unwrap();
    let room = Room {
        jobs: 1,
        takes_suspect: true,
    };
    let lost = claim(&mut *transaction, &Arc::from("say"), room, bench.identity()).await;
    assert_eq!(lost.unwrap().jobs.len(), 1);
    transaction.commit().await.unwrap();
    bench.llm.request(2).await;
    bench.llm.release();
    bench.ended(2).await;
    let history = "select attempt, interruptions, state from botticelli.job_history order by id";
    assert_eq!(bench.database.rows(history).await, ["1|0|completed", "2|1|completed"]);
}
