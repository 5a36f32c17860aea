//! Workers that die or freeze in the middle of an act.

use std::collections::HashMap;

use crate::stage::{Stage, pipeline};

const GENERATED: &str = "exists (select from botticelli.job_history where queue = 'generation')";

/// Prompts by how often each was asked.
fn asked(stage: &Stage) -> HashMap<String, usize> {
    let mut asked = HashMap::new();
    for request in stage.llm.requests() {
        *asked.entry(request.prompt()).or_default() += 1;
    }
    asked
}

/// Only generation, so that nothing else asks the model.
fn generation() -> String {
    pipeline("manual", "noop").replace("after = [\"generation\"]", "")
}

#[tokio::test]
async fn the_job_of_a_killed_worker_goes_on_elsewhere_from_its_last_finished_act() {
    let stage = Stage::new(&generation()).await;
    let (_scheduler, one, other) = tokio::join!(stage.scheduler(), stage.worker(), stage.worker());
    stage.llm.hold_from(4);
    stage.enqueue("generation").await;
    let lost_act = stage.llm.request(4).await.prompt();
    let [mut victim, _heir] = stage.holder_first([one, other]).await;
    victim.kill();
    victim.exit().await;
    stage.llm.release();
    stage.database.until(GENERATED).await;

    assert_eq!(stage.runs().await, ["generation|1|lost", "generation|2|success"]);
    assert_eq!(
        stage
            .database
            .row(
                "select metadata ->> 'acts_resumed', metadata ->> 'acts_run', skills_succeeded
                 from botticelli.actor_server_executions where outcome = 'success'"
            )
            .await,
        "3|3|6"
    );
    let mut asked = asked(&stage);
    assert_eq!(
        asked.remove(&lost_act),
        Some(2),
        "the act that was cut off is asked again"
    );
    assert!(
        asked.len() == 5 && asked.values().all(|times| *times == 1),
        "no finished act is asked again"
    );
    assert_eq!(
        stage
            .database
            .row("select count(*), count(distinct text_content) from botticelli.potential_posts")
            .await,
        "3|3"
    );
}

#[tokio::test]
async fn a_worker_that_froze_beyond_its_lease_records_nothing_and_works_on_under_a_new_identity() {
    let stage = Stage::new(&generation()).await;
    let (_scheduler, one, other) = tokio::join!(stage.scheduler(), stage.worker(), stage.worker());
    stage.llm.hold_from(6);
    stage.enqueue("generation").await;
    stage.llm.request(6).await;
    let [frozen, mut heir] = stage.holder_first([one, other]).await;
    frozen.pause();
    stage
        .database
        .until("exists (select from botticelli.actor_server_executions where outcome = 'lost')")
        .await;
    // The late answer lies in the frozen worker's socket when it wakes up.
    stage.llm.release();
    stage.database.until(GENERATED).await;
    let posts = "select id, text_content from botticelli.potential_posts order by id";
    let stored = stage.database.rows(posts).await;
    assert_eq!(stored.len(), 3);

    frozen.resume();
    frozen.line("Gave up worker identity").await;
    heir.kill();
    heir.exit().await;
    stage.enqueue("generation").await;
    stage
        .database
        .until("(select count(*) from botticelli.job_history where queue = 'generation') = 2")
        .await;
    assert_eq!(
        stage.runs().await,
        ["generation|1|lost", "generation|2|success", "generation|1|success"]
    );
    assert_eq!(stage.database.rows(posts).await[..3], stored);
    assert_eq!(stage.database.rows(posts).await.len(), 6);
}

#[tokio::test]
async fn a_worker_that_is_killed_at_each_act_pays_for_no_answer_twice() {
    const ACTS: usize = 6;
    let actors = generation().replace("[actors.curation]", "max_attempts = 50\n[actors.curation]");
    let stage = Stage::new(&actors).await;
    let _scheduler = stage.scheduler().await;
    stage.enqueue("generation").await;
    for act in 1..=ACTS {
        // Each attempt asks for the act again that the last one was killed in, and is killed in the next.
        stage.llm.hold_from(2 * act - 1);
        let mut worker = stage.worker().await;
        stage.llm.request(2 * act - 1).await;
        worker.kill();
        worker.exit().await;
    }
    stage.llm.release();
    let _last = stage.worker().await;
    stage.database.until(GENERATED).await;

    let calls =
        "select step, count(*) filter (where state = 'settled'), count(*) filter (where state = 'lost'), count(*)
                 from botticelli.model_calls group by step order by min(id)";
    let steps = [
        "question/idea",
        "question/post",
        "tip/idea",
        "tip/post",
        "welcome/idea",
        "welcome/post",
    ];
    let expected: Vec<String> = steps.map(|step| format!("1/{step}|1|1|2")).to_vec();
    assert_eq!(
        stage.database.rows(calls).await,
        expected,
        "one answer that counts for each act, one that was cut off"
    );
    let runs = stage.runs().await;
    assert_eq!(runs.len(), ACTS + 1, "{runs:?}");
    assert_eq!(runs.last().map(String::as_str), Some("generation|7|success"));
    let posts = "select count(*), count(distinct text_content) from botticelli.potential_posts";
    assert_eq!(stage.database.row(posts).await, "3|3");
}
