//! A carousel is a job for each of its rounds, and one that waits for them.

use botticelli_testkit::LlmReply;

use crate::bench::Bench;

const THREE_ROUNDS: &str = r#"select botticelli.enqueue('generation', '{"iterations": 3}')"#;

const RUNS: &str = "select coalesce(args ->> 'round', 'all'), run.attempt, outcome
    from botticelli.actor_server_executions as run join botticelli.job_history on job_history.id = job_id
    where actor_name = 'generation' order by job_id, run.attempt";

const FAILURES: &str = "select consecutive_failures from botticelli.actor_server_state where task_id = 'generation'";

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
        failure.starts_with("failure|1|round 2 (job 3) was discarded: "),
        "{failure}"
    );
    // The round has told the breaker, and the run does not tell it again.
    assert_eq!(bench.database.row(FAILURES).await, "1");
    let posts = "select text_content from botticelli.potential_posts";
    assert_eq!(bench.database.rows(posts).await, ["The first."]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_run_of_which_no_round_came_to_anything_is_given_up_and_redriven_with_its_rounds() {
    let bench = bench().await;
    bench
        .llm
        .reply_next(LlmReply::Refusal("I would rather not.".to_owned()));
    bench.database.execute(THREE_ROUNDS).await;
    bench.ended(4).await;
    let states = "select id, state from botticelli.job_history order by id";
    assert_eq!(
        bench.database.rows(states).await,
        ["1|discarded", "2|discarded", "3|cancelled", "4|cancelled"]
    );
    bench.database.execute("select botticelli.redrive(1)").await;
    bench
        .database
        .until("(select count(*) from botticelli.job_history where state = 'completed') = 4")
        .await;
    let gathered = "select result ->> 'rounds_completed' from botticelli.job(1)";
    assert_eq!(bench.database.row(gathered).await, "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rounds_that_a_person_cancels_are_no_failures_of_the_run() {
    let bench = bench().await;
    bench.llm.reply_next(LlmReply::Text("The first.".to_owned()));
    bench.llm.hold_from(2);
    bench.database.execute(THREE_ROUNDS).await;
    bench
        .database
        .until("exists (select from botticelli.running_jobs where id = 3)")
        .await;
    bench.database.execute("select botticelli.cancel(3)").await;
    bench.ended(4).await;
    let states = "select id, state from botticelli.job_history order by id";
    assert_eq!(
        bench.database.rows(states).await,
        ["1|completed", "2|completed", "3|cancelled", "4|cancelled"]
    );
    let run = "select outcome, metadata ->> 'rounds_cancelled' from botticelli.actor_server_executions
               where job_id = 1 and attempt = 2";
    assert_eq!(bench.database.row(run).await, "success|2");
    assert_eq!(bench.database.row(FAILURES).await, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_run_whose_rounds_were_all_cancelled_is_cancelled_and_has_as_many_tries_as_they() {
    let bench = bench().await;
    bench.llm.hold();
    bench
        .database
        .execute(r#"select botticelli.enqueue('generation', '{"iterations": 2}', max_attempts => 2)"#)
        .await;
    bench.llm.request(1).await;
    let tries = "select distinct max_attempts from botticelli.jobs";
    assert_eq!(bench.database.rows(tries).await, ["2"]);
    bench
        .database
        .execute("select botticelli.cancel(2); select botticelli.cancel(3)")
        .await;
    bench.ended(3).await;
    let run = "select state, reason from botticelli.job(1)";
    assert_eq!(
        bench.database.row(run).await,
        "cancelled|all of its rounds were cancelled"
    );
    assert_eq!(bench.database.row(FAILURES).await, "0");
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
    let beyond = r#"select botticelli.enqueue('generation', '{"iterations": 2, "round": 3}')"#;
    let refused = sqlx::query(beyond).execute(&bench.database.pool).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains(r#"argument "round" of queue "generation" must be one of the 2 rounds, not 3"#),
        "{refused}"
    );
    bench
        .database
        .execute(r#"select botticelli.enqueue('generation', '{"round": 3}')"#)
        .await;
    bench.ended(1).await;
    let reason = "select reason from botticelli.dead_jobs";
    assert_eq!(
        bench.database.row(reason).await,
        "narrative `say` has no round 3; it is repeated 1 times"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_scheduled_run_says_what_came_of_its_rounds_however_many_posts_wait() {
    let bench = bench().await;
    bench
        .database
        .execute(r#"select botticelli.enqueue('generation', '{"iterations": 3}', source => 'schedule')"#)
        .await;
    bench.ended(4).await;
    // More than `max_waiting` by now.
    assert_eq!(
        bench
            .database
            .row("select count(*) from botticelli.potential_posts")
            .await,
        "3"
    );
    let gathered = "select result ->> 'rounds_completed' from botticelli.job(1)";
    assert_eq!(bench.database.row(gathered).await, "3");
}
