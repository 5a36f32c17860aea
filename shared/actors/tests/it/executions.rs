//! Runs: one row for each attempt, and an outcome that tells the truth.

use botticelli_actors::{
    Ending, NewExecution, Outcome, finish_executions, get_execution, list_actor_executions, list_executions, mark_lost,
    start_executions,
};
use botticelli_testkit::TestDatabase;
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::roll::with_actors;

fn run_of(job_id: i64, attempt: i32) -> NewExecution<'static> {
    NewExecution {
        actor: "generation",
        job_id,
        attempt,
        worker_name: "host:1",
        traceparent: None,
    }
}

async fn start(database: &TestDatabase, job: i64, attempt: i32) -> i64 {
    let ids = start_executions(&mut database.pool.acquire().await.unwrap(), &[run_of(job, attempt)])
        .await
        .unwrap();
    ids[0]
}

async fn finish(database: &TestDatabase, job: i64, attempt: i32, outcome: Outcome) {
    let ending = Ending {
        job_id: job,
        attempt,
        outcome,
        error_message: (outcome == Outcome::Failure).then_some("the model is away"),
        reason: (outcome == Outcome::Skipped).then_some("nothing to do"),
        skills_succeeded: 2,
        skills_failed: 1,
        metadata: &json!({ "acts_run": 3 }),
    };
    let mut connection = database.pool.acquire().await.unwrap();
    finish_executions(&mut connection, &[ending]).await.unwrap();
}

async fn lose(database: &TestDatabase, job: i64, attempt: i32) {
    let mut connection = database.pool.acquire().await.unwrap();
    mark_lost(&mut connection, job, attempt).await.unwrap();
}

const RUNS: &str = "select job_id, attempt, outcome, success, error_message, reason, completed_at is not null
                    from botticelli.actor_server_executions order by id";

#[tokio::test]
async fn every_outcome_says_what_it_means() {
    let database = with_actors().await;
    for (job, outcome) in (1..).zip([
        Outcome::Success,
        Outcome::Failure,
        Outcome::Skipped,
        Outcome::Interrupted,
    ]) {
        start(&database, job, 1).await;
        finish(&database, job, 1, outcome).await;
    }
    start(&database, 5, 1).await;
    lose(&database, 5, 1).await;
    start(&database, 6, 1).await;
    assert_eq!(
        database.rows(RUNS).await,
        [
            "1|1|success|t|||t",
            "2|1|failure|f|the model is away||t",
            "3|1|skipped|||nothing to do|t",
            "4|1|interrupted||||t",
            "5|1|lost|f|worker host:1 was lost during this run||t",
            "6|1|running||||f",
        ]
    );
}

#[tokio::test]
async fn a_run_that_is_closed_stays_as_it_is() {
    let database = with_actors().await;
    start(&database, 1, 1).await;
    lose(&database, 1, 1).await;
    // The worker was only asleep, and comes back with a success that does not count.
    finish(&database, 1, 1, Outcome::Success).await;
    start(&database, 2, 1).await;
    finish(&database, 2, 1, Outcome::Success).await;
    lose(&database, 2, 1).await;
    let runs = database.rows(RUNS).await;
    assert!(runs[0].starts_with("1|1|lost|f|"), "{runs:?}");
    assert!(runs[1].starts_with("2|1|success|t|"), "{runs:?}");
}

#[tokio::test]
async fn a_run_is_the_actors_last_one_from_its_beginning_on() {
    let database = with_actors().await;
    let id = start(&database, 1, 1).await;
    let last = "select last_run = started_at from botticelli.actor_server_state, botticelli.actor_server_executions
                where actor_server_state.task_id = 'generation'";
    assert_eq!(database.row(last).await, "t");
    let run = get_execution(&database.pool, id).await.unwrap().unwrap();
    assert_eq!(
        (run.job_id, run.attempt, run.outcome.as_str(), run.success),
        (1, 1, "running", None)
    );
    assert!(get_execution(&database.pool, id + 1).await.unwrap().is_none());
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_in_pages() {
    let database = with_actors().await;
    for attempt in 1..=3 {
        start(&database, 1, attempt).await;
    }
    let attempts =
        |runs: Vec<botticelli_actors::ExecutionRow>| -> Vec<i32> { runs.into_iter().map(|run| run.attempt).collect() };
    assert_eq!(attempts(list_executions(&database.pool, 2, 0).await.unwrap()), [3, 2]);
    assert_eq!(attempts(list_executions(&database.pool, 2, 2).await.unwrap()), [1]);
    let of_actor = list_actor_executions(&database.pool, "generation", 10, 0)
        .await
        .unwrap();
    assert_eq!(attempts(of_actor), [3, 2, 1]);
    let of_other = list_actor_executions(&database.pool, "posting", 10, 0).await.unwrap();
    assert_eq!(attempts(of_other), [0; 0]);
}

#[tokio::test]
async fn every_rule_about_runs_has_a_name_and_holds() {
    let database = with_actors().await;
    start(&database, 1, 1).await;
    for (change, constraint) in [
        ("outcome = 'success', completed_at = now()", "success_tells_the_truth"),
        (
            "outcome = 'success', completed_at = now(), success = false",
            "success_tells_the_truth",
        ),
        (
            "outcome = 'failure', completed_at = now(), success = true",
            "success_tells_the_truth",
        ),
        (
            "outcome = 'skipped', completed_at = now(), success = true",
            "success_tells_the_truth",
        ),
        ("success = true", "success_tells_the_truth"),
        ("completed_at = now()", "completed_unless_running"),
        ("outcome = 'success', success = true", "completed_unless_running"),
        ("outcome = 'fine', completed_at = now()", "outcome_is_known"),
    ] {
        let statement = format!("update botticelli.actor_server_executions set {change}");
        let refused = sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&database.pool)
            .await
            .expect_err(change);
        let refused = refused.into_database_error().unwrap();
        assert_eq!(refused.constraint(), Some(constraint), "{change}");
    }
    let again = start_executions(
        &mut database.pool.acquire().await.unwrap(),
        &[run_of(4, 1), run_of(1, 1)],
    )
    .await;
    assert!(again.is_err(), "an attempt has one run");
    let together = start_executions(
        &mut database.pool.acquire().await.unwrap(),
        &[run_of(5, 1), run_of(4, 1)],
    )
    .await
    .unwrap();
    for (id, job) in together.into_iter().zip([5, 4]) {
        assert_eq!(get_execution(&database.pool, id).await.unwrap().unwrap().job_id, job);
    }
}
