//! A job that is cancelled while it runs is stopped, whichever way the worker hears of it.

use std::time::Duration;

use crate::bench::{Bench, Options};

/// The end of every cancelled job here, in the history of runs.
const CANCELLED: &str = "1|interrupted|cancelled by a tester: enough";

async fn cancel_what_runs(bench: &Bench) {
    let cancel = "select botticelli.cancel(id, 'enough', 'a tester') from botticelli.jobs where state = 'running'";
    assert_eq!(bench.database.rows(cancel).await, ["cancelling"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_running_job_that_is_cancelled_is_stopped_and_another_one_goes_on() {
    let bench = Bench::with(Options {
        say: "slots = 2",
        ..Options::default()
    })
    .await;
    bench.llm.hold();
    bench.enqueue("say").await;
    bench.llm.request(1).await;
    cancel_what_runs(&bench).await;
    bench.enqueue("say").await;
    bench.llm.request(2).await;
    bench
        .database
        .until("exists (select from botticelli.dead_jobs where state = 'cancelled')")
        .await;
    bench.llm.release();
    bench.ended(2).await;
    assert_eq!(bench.runs().await, [CANCELLED, "1|success|"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_cancelled_review_lets_go_of_its_posts_and_its_checkpoints() {
    let bench = Bench::new().await;
    bench
        .database
        .execute("insert into botticelli.potential_posts (text_content, source, job_id, output_no) values ('A hat.', 'x', 0, 1);
                  insert into botticelli.act_checkpoints (job_id, step, record) values (1, 'earlier', '{}')")
        .await;
    bench.llm.hold();
    bench.enqueue("curation").await;
    bench.llm.request(1).await;
    bench
        .database
        .until("(select status from botticelli.potential_posts) = 'in_review'")
        .await;
    cancel_what_runs(&bench).await;
    bench.ended(1).await;
    let posts = "select status, review_job_id from botticelli.potential_posts";
    let checkpoints = "select count(*) from botticelli.act_checkpoints";
    assert_eq!(bench.database.row(posts).await, "pending|");
    assert_eq!(bench.database.row(checkpoints).await, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_cancellation_that_nobody_announced_is_found_by_the_poll() {
    let bench = Bench::with(Options {
        queue: "poll_interval = \"100ms\"",
        ..Options::default()
    })
    .await;
    bench.llm.hold();
    bench.enqueue("say").await;
    bench.llm.request(1).await;
    bench
        .database
        .execute("insert into botticelli.cancellations (job_id, reason, cancelled_by) values (1, 'enough', 'a tester')")
        .await;
    bench.ended(1).await;
    assert_eq!(bench.runs().await, [CANCELLED]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_announcement_alone_costs_the_job_no_try() {
    let bench = Bench::new().await;
    bench.llm.hold();
    bench.enqueue("say").await;
    bench.llm.request(1).await;
    // Said again until it is heard: the worker may not listen yet, and nothing but the announcement tells it.
    let announce = async {
        loop {
            bench.database.execute("notify botticelli_cancel, '1'").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        _ = bench.llm.request(2) => {}
        () = announce => {}
    }
    bench.llm.release();
    bench.ended(1).await;
    let history = "select state, interruptions > 0, attempt - interruptions as tries from botticelli.job_history";
    assert_eq!(bench.database.row(history).await, "completed|t|1");
}
