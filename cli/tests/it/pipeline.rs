//! From a schedule to published posts.

use std::collections::HashSet;

use botticelli_testkit::LlmReply;

use crate::stage::{Stage, pipeline};

const ALL_PUBLISHED: &str = "not exists (select from botticelli.jobs)
    and exists (select from botticelli.deliveries where state = 'published')";

#[tokio::test]
async fn a_scheduled_generation_ends_in_posts_that_are_published_once_each() {
    let stage = Stage::new(&pipeline("immediate", "noop")).await;
    let (scheduler, one, other) = tokio::join!(stage.scheduler(), stage.worker(), stage.worker());
    stage.database.until(ALL_PUBLISHED).await;

    // The worker that ran a job says so after the database does; its output is complete once it has ended.
    let mut processes = [scheduler, one, other];
    for process in &mut processes {
        process.terminate();
        assert_eq!(process.exit().await.code(), Some(0), "{}", process.output());
    }
    let output = processes.map(|process| process.output()).join("\n");
    let published: Vec<&str> = output
        .lines()
        .filter_map(|line| line.strip_prefix("published to noop: "))
        .collect();
    let approved = stage
        .database
        .rows("select text_content from botticelli.approved_posts")
        .await;
    // The three kinds of the shipped narrative.
    assert_eq!(published.len(), 3, "{output}");
    assert_eq!(
        published.iter().copied().collect::<HashSet<_>>(),
        approved.iter().map(String::as_str).collect::<HashSet<_>>()
    );

    assert_eq!(
        stage
            .database
            .rows(
                "select actor_name, source, state, run.attempt, outcome, success, skills_succeeded, skills_failed
                 from botticelli.actor_server_executions as run join botticelli.job_history on job_id = job_history.id
                 order by started_at"
            )
            .await,
        [
            "generation|schedule|completed|1|success|t|6|0",
            "curation|after|completed|1|success|t|3|0",
            "posting|after|completed|1|success|t|3|0",
        ]
    );
    // Two acts for each draft, one verdict for each post: nothing was asked twice.
    assert_eq!(stage.llm.requests().len(), 9);
    // Who stops in order leaves no lease behind.
    assert_eq!(stage.database.row("select count(*) from botticelli.workers").await, "0");
}

#[tokio::test]
async fn a_job_enqueued_by_sql_runs_on_an_idle_fleet_and_a_bad_one_hurts_nobody() {
    let stage = Stage::new(&pipeline("manual", "noop")).await;
    let worker = stage.worker().await;
    // A row by hand goes past the checks of `enqueue`; the worker has the same ones.
    stage
        .database
        .execute(
            r#"insert into botticelli.waiting_jobs (queue, kind, args, max_attempts)
               values ('posting', 'posting', '{"limits": 3}', 5)"#,
        )
        .await;
    stage
        .database
        .until("exists (select from botticelli.job_history where state = 'discarded')")
        .await;
    let reason = "the arguments of the job are not those of kind `posting`: unknown field `limits`, expected `limit`";
    assert_eq!(
        stage
            .database
            .rows("select error_message from botticelli.actor_server_executions")
            .await,
        [reason]
    );
    assert!(worker.line(reason).await.contains("Run of posting failed"));

    stage.enqueue("generation").await;
    stage.database.until(ALL_PUBLISHED).await;
}

#[tokio::test]
async fn a_round_that_fails_is_tried_again_alone() {
    let stage = Stage::new(&pipeline("manual", "noop")).await;
    let _worker = stage.worker().await;
    // The second act of the first of two rounds.
    stage.llm.reply_next(LlmReply::Text("a walk".to_owned()));
    stage.llm.reply_next(LlmReply::Garbage);
    stage.enqueue_two_rounds().await;
    stage.database.until(ALL_PUBLISHED).await;
    let runs = "select coalesce(args ->> 'round', 'all'), run.attempt, outcome
                from botticelli.actor_server_executions run join botticelli.job_history on job_history.id = job_id
                where actor_name = 'generation' order by job_id, run.attempt";
    assert_eq!(
        stage.database.rows(runs).await,
        [
            "all|1|interrupted",
            "all|2|success",
            "1|1|failure",
            "1|2|success",
            "2|1|success"
        ]
    );
    let gathered = "select result ->> 'rounds_completed', jsonb_array_length(result -> 'potential_posts')
                    from botticelli.job_reports where job_id = 1";
    assert_eq!(stage.database.row(gathered).await, "2|6");
    let published = "select count(*) from botticelli.deliveries where state = 'published'";
    assert_eq!(stage.database.row(published).await, "6");
}
