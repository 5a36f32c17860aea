//! A worker whose work has one connection to the database.

use botticelli_testkit::LlmReply;
use serde_json::json;

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
    bench.ended(6).await;
    // A post that is generated, reviewed and published.
    bench.llm.reply_next(LlmReply::Text("A fine day.".to_owned()));
    let verdict = json!({ "reason": "It is what it is.", "score": 9, "verdict": "approve" });
    bench.llm.reply_next(LlmReply::Json(verdict));
    bench.enqueue("generation").await;
    bench.ended(8).await;
    bench.enqueue("posting").await;
    bench.ended(9).await;
    assert_eq!(bench.runs().await, ["1|success|"; 9]);
    assert_eq!(bench.identity(), identity);
}
