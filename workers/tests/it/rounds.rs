//! A carousel is a job for each of its rounds, and one that waits for them.

use botticelli_testkit::LlmReply;

use crate::bench::Bench;

const THREE_ROUNDS: &str = r#"select botticelli.enqueue('generation', '{"iterations": 3}')"#;

const RUNS: &str = "select coalesce(args ->> 'round', 'all'), run.attempt, outcome
    from botticelli.actor_server_executions as run join botticelli.job_history on job_history.id = job_id
    where actor_name = 'generation' order by job_id, run.attempt";

async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench
        .database
        .execute("update botticelli.actor_server_state set is_paused = true where task_id = 'curation'")
        .await;
    bench
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_round_stores_its_posts_and_the_run_says_what_came_of_them() {
    let bench = bench().await;
    bench.database.execute(THREE_ROUNDS).await;
    bench.ended(4).await;
    assert_eq!(
        bench.database.rows(RUNS).await,
        [
            "all|1|interrupted",
            "all|2|success",
            "1|1|success",
            "2|1|success",
            "3|1|success"
        ]
    );
    let waited = "select reason from botticelli.actor_server_executions where outcome = 'interrupted'";
    assert_eq!(bench.database.row(waited).await, "it waits for its 3 rounds");
    let posts = "select job_id, iteration from botticelli.potential_posts
                 join botticelli.content_metadata on potential_post_id = potential_posts.id order by job_id";
    assert_eq!(bench.database.rows(posts).await, ["2|1", "3|2", "4|3"]);
    let gathered = "select result ->> 'rounds_completed', result ->> 'potential_posts' from botticelli.job(1)";
    assert_eq!(bench.database.row(gathered).await, "3|[1, 2, 3]");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_round_that_can_never_be_played_ends_those_after_it_and_the_run_has_failed() {
    let bench = bench().await;
    bench.llm.reply_next(LlmReply::Text("The first.".to_owned()));
    bench
        .llm
        .reply_next(LlmReply::Refusal("I would rather not.".to_owned()));
    bench.database.execute(THREE_ROUNDS).await;
    bench.ended(4).await;
    let states = "select id, state from botticelli.job_history order by id";
    assert_eq!(
        bench.database.rows(states).await,
        ["1|completed", "2|completed", "3|discarded", "4|cancelled"]
    );
    let failure = "select outcome, skills_failed, error_message from botticelli.actor_server_executions
                   where job_id = 1 and attempt = 2";
    let failure = bench.database.row(failure).await;
    assert!(
        failure.starts_with("failure|2|round 2 (job 3) was discarded: "),
        "{failure}"
    );
    assert!(
        failure.ends_with("round 3 (job 4) was cancelled: job 3 (round 2), which it waited for, was discarded"),
        "{failure}"
    );
    let posts = "select text_content from botticelli.potential_posts";
    assert_eq!(bench.database.rows(posts).await, ["The first."]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_generation_with_one_round_is_one_job() {
    let bench = bench().await;
    bench.enqueue("generation").await;
    bench.ended(1).await;
    assert_eq!(bench.database.rows(RUNS).await, ["all|1|success"]);
    assert_eq!(
        bench.database.row("select count(*) from botticelli.workflows").await,
        "0"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_round_that_there_is_not_is_refused() {
    let bench = bench().await;
    bench
        .database
        .execute(r#"select botticelli.enqueue('generation', '{"iterations": 2, "round": 3}')"#)
        .await;
    bench.ended(1).await;
    let reason = "select reason from botticelli.dead_jobs";
    assert_eq!(
        bench.database.row(reason).await,
        "narrative `say` has no round 3; it is repeated 2 times"
    );
}
