//! A worker whose work has one connection to the database.

use crate::bench::{Bench, Options};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_kind_of_job_is_done_and_the_lease_is_kept_with_one_connection() {
    let bench = Bench::with(Options {
        connections: Some(1),
        queue: "lease = \"3s\"\nheartbeat = \"500ms\"",
        say: "slots = 3",
        ..Options::default()
    })
    .await;
    let identity = bench.identity();
    for _ in 0..6 {
        bench.enqueue("say").await;
    }
    // A post that is generated, reviewed and published.
    bench
        .llm
        .reply_next(botticelli_testkit::LlmReply::Text("A fine day.".to_owned()));
    bench.enqueue("generation").await;
    bench
        .database
        .until("exists (select from botticelli.job_history where queue = 'curation')")
        .await;
    bench.enqueue("posting").await;
    bench.ended(9).await;
    assert_eq!(bench.identity(), identity);
    let ends = "select state, attempt, count(*) from botticelli.job_history group by state, attempt";
    assert_eq!(bench.database.rows(ends).await, ["completed|1|9"]);
}
