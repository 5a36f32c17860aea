//! Generation: drafts are stored once, and no more of them than somebody reads.

use botticelli_testkit::LlmReply;

use crate::bench::Bench;

/// A job as the scheduler enqueues it.
const SCHEDULED: &str = "select botticelli.enqueue('generation', source => 'schedule')";

const HALT_CURATION: &str = "update botticelli.actor_server_state set is_paused = true where task_id = 'curation'";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_scheduled_generation_is_skipped_while_enough_posts_wait() {
    let bench = Bench::new().await;
    bench.database.execute(HALT_CURATION).await;
    for jobs in 1..=3 {
        bench.database.execute(SCHEDULED).await;
        bench.ended(jobs).await;
    }
    assert_eq!(
        bench.runs().await,
        [
            "1|success|",
            "1|success|",
            "1|skipped|2 posts wait for curation or posting already (`max_waiting` = 2)"
        ]
    );
    // Whoever asks for a run gets one.
    bench.enqueue("generation").await;
    bench.ended(4).await;
    assert_eq!(bench.runs().await[3], "1|success|");
    // One follower waits, however often it was called for.
    assert_eq!(bench.waiting().await, ["available|0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_draft_is_stored_with_where_it_comes_from() {
    let bench = Bench::new().await;
    bench.database.execute(HALT_CURATION).await;
    bench
        .llm
        .reply_next(LlmReply::Text("  A post, 'quoted'; drop table posts --  ".to_owned()));
    bench.enqueue("generation").await;
    bench.ended(1).await;
    let post = "select text_content, status, source, job_id, output_no from botticelli.potential_posts";
    assert_eq!(
        bench.database.row(post).await,
        "A post, 'quoted'; drop table posts --|pending|say|1|1"
    );
    let origin = "select actor, narrative, iteration, model from botticelli.content_metadata";
    assert_eq!(bench.database.row(origin).await, "generation|say|1|stub");
    let kept = "select count(*) from botticelli.act_checkpoints";
    assert_eq!(bench.database.row(kept).await, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn how_far_a_generation_is_can_be_seen_while_it_runs() {
    let bench = Bench::new().await;
    bench.database.execute(HALT_CURATION).await;
    bench.llm.hold_from(2);
    let two_rounds = r#"select botticelli.enqueue('say', '{"iterations": 2}')"#;
    bench.database.execute(two_rounds).await;
    bench.llm.request(2).await;
    let progress = "select done, total, note from botticelli.running_jobs";
    assert_eq!(bench.database.row(progress).await, "1|2|1/say");
    let log = "select level, message from botticelli.job_log(1)";
    let line = bench.database.row(log).await;
    assert!(line.starts_with("info|act 1/say was played by stub: "), "{line}");
    bench.llm.release();
    bench.ended(1).await;
    let progress = "select done, total from botticelli.job(1)";
    assert_eq!(bench.database.row(progress).await, "2|2");
}
