//! Pauses by people and by the breaker.

use std::time::Duration;

use botticelli_actors::{
    ActorsError, Breaker, BreakerChange, half_open_due_breakers, pause, pause_all, record_failure, record_success,
    resume, resume_all,
};
use botticelli_testkit::TestDatabase;

use crate::roll::{enrol, with_actors};

const STATE: &str = "select is_paused, paused_reason, paused_by, breaker_state, consecutive_failures
                     from botticelli.actor_server_state where task_id = 'generation'";
const QUEUES: &str = "select name, is_paused from botticelli.queues order by name";

async fn failed(database: &TestDatabase) -> BreakerChange {
    let breaker = Breaker {
        failures: 2,
        cooldown: Duration::from_hours(1),
    };
    let mut connection = database.pool.acquire().await.unwrap();
    record_failure(&mut connection, "generation", breaker).await.unwrap()
}

async fn succeeded(database: &TestDatabase) {
    let mut connection = database.pool.acquire().await.unwrap();
    record_success(&mut connection, "generation").await.unwrap();
}

async fn cool_down(database: &TestDatabase) -> Vec<String> {
    database
        .execute("update botticelli.actor_server_state set breaker_retry_at = now() where breaker_state = 'open'")
        .await;
    half_open_due_breakers(&database.pool).await.unwrap()
}

#[tokio::test]
async fn a_pause_stops_the_actors_queue_and_no_other() {
    let database = with_actors().await;
    assert!(pause(&database.pool, "generation", "ops").await.unwrap());
    assert_eq!(database.row(STATE).await, "t|manual|ops|closed|0");
    assert_eq!(database.rows(QUEUES).await, ["generation|t", "posting|f"]);
    assert!(resume(&database.pool, "generation").await.unwrap());
    assert_eq!(database.row(STATE).await, "f|||closed|0");
    assert_eq!(database.rows(QUEUES).await, ["generation|f", "posting|f"]);
}

#[tokio::test]
async fn an_actor_that_is_not_there_cannot_be_paused() {
    let database = with_actors().await;
    assert!(!pause(&database.pool, "generations", "ops").await.unwrap());
    assert!(!resume(&database.pool, "generations").await.unwrap());
}

#[tokio::test]
async fn a_pause_by_plain_sql_counts_as_one_by_a_person() {
    let database = with_actors().await;
    database
        .execute("update botticelli.actor_server_state set is_paused = true where task_id = 'generation'")
        .await;
    let user = database.row("select session_user").await;
    assert_eq!(database.row(STATE).await, format!("t|manual|{user}|closed|0"));
    assert_eq!(database.rows(QUEUES).await[0], "generation|t");
    database
        .execute("update botticelli.actor_server_state set is_paused = false")
        .await;
    assert_eq!(database.row(STATE).await, "f|||closed|0");
}

#[tokio::test]
async fn the_breaker_opens_at_its_threshold_and_a_good_probe_closes_it() {
    let database = with_actors().await;
    let change = failed(&database).await;
    assert_eq!((change.consecutive_failures, change.tripped), (1, false));
    let change = failed(&database).await;
    assert_eq!((change.consecutive_failures, change.tripped), (2, true));
    assert_eq!(database.row(STATE).await, "t|circuit_breaker||open|2");
    assert!(half_open_due_breakers(&database.pool).await.unwrap().is_empty());
    assert_eq!(cool_down(&database).await, ["generation"]);
    assert_eq!(database.row(STATE).await, "f|||half_open|2");
    succeeded(&database).await;
    assert_eq!(database.row(STATE).await, "f|||closed|0");
}

#[tokio::test]
async fn a_bad_probe_opens_the_breaker_again_at_once() {
    let database = with_actors().await;
    failed(&database).await;
    failed(&database).await;
    cool_down(&database).await;
    assert!(failed(&database).await.tripped);
    assert_eq!(database.row(STATE).await, "t|circuit_breaker||open|3");
}

#[tokio::test]
async fn a_persons_pause_is_not_the_breakers_to_end() {
    let database = with_actors().await;
    failed(&database).await;
    failed(&database).await;
    pause(&database.pool, "generation", "ops").await.unwrap();
    assert!(cool_down(&database).await.is_empty());
    // A run that was under way fails: the pause stays the person's.
    assert!(!failed(&database).await.tripped);
    let state = database.row(STATE).await;
    assert!(state.starts_with("t|manual|ops|closed|"), "{state}");
    resume(&database.pool, "generation").await.unwrap();
    assert_eq!(database.row(STATE).await, "f|||closed|0");
}

#[tokio::test]
async fn a_success_during_a_persons_pause_does_not_end_it() {
    let database = with_actors().await;
    pause(&database.pool, "generation", "ops").await.unwrap();
    succeeded(&database).await;
    assert_eq!(database.row(STATE).await, "t|manual|ops|closed|0");
}

#[tokio::test]
async fn registering_again_leaves_the_pause_alone() {
    let database = with_actors().await;
    pause(&database.pool, "generation", "ops").await.unwrap();
    enrol(&database, "generation", "every 3 hours", true).await;
    assert_eq!(database.row(STATE).await, "t|manual|ops|closed|0");
    assert_eq!(database.rows(QUEUES).await[0], "generation|t");
}

#[tokio::test]
async fn an_actor_that_is_disabled_claims_nothing_and_is_not_paused() {
    let database = with_actors().await;
    enrol(&database, "generation", "every 2 hours", false).await;
    assert_eq!(database.row(STATE).await, "f|||closed|0");
    assert_eq!(database.rows(QUEUES).await[0], "generation|t");
    enrol(&database, "generation", "every 2 hours", true).await;
    assert_eq!(database.rows(QUEUES).await[0], "generation|f");
}

#[tokio::test]
async fn a_pause_of_everything_holds_for_actors_that_come_later_and_leaves_other_pauses_alone() {
    let database = with_actors().await;
    let pool = &database.pool;
    database
        .execute("insert into botticelli.queues (name, kind, max_attempts) values ('own', 'own', 3)")
        .await;
    pause(pool, "posting", "alice").await.unwrap();
    failed(&database).await;
    assert!(failed(&database).await.tripped);
    pause_all(pool, "ops").await.unwrap();
    // Asking again changes nothing, and no breaker lets a run through.
    pause_all(pool, "ops").await.unwrap();
    assert!(cool_down(&database).await.is_empty());
    assert_eq!(database.row(STATE).await, "t|everything|ops|open|2");
    database
        .execute("insert into botticelli.queues (name, kind, max_attempts) values ('late', 'late', 3)")
        .await;
    enrol(&database, "late", "manual", true).await;
    assert_eq!(
        database.rows(QUEUES).await,
        ["generation|t", "late|t", "own|t", "posting|t"]
    );
    resume_all(pool).await.unwrap();
    // The breaker is open as before, and lets one run through when it was to.
    assert_eq!(database.row(STATE).await, "t|circuit_breaker||open|2");
    assert_eq!(cool_down(&database).await, ["generation"]);
    assert_eq!(
        database.rows(QUEUES).await,
        ["generation|f", "late|f", "own|f", "posting|t"]
    );
    resume_all(pool).await.unwrap();
    assert_eq!(database.row("select count(*) from botticelli.fleet_pause").await, "0");
}

#[tokio::test]
async fn while_everything_is_paused_nothing_is_resumed_by_itself_and_no_new_queue_runs() {
    let database = with_actors().await;
    let pool = &database.pool;
    let own = "insert into botticelli.queues (name, kind, max_attempts) values ('own', 'own', 3)";
    pause(pool, "posting", "alice").await.unwrap();
    pause_all(pool, "ops").await.unwrap();
    database.execute(own).await;
    for name in ["generation", "posting", "own"] {
        let refused = resume(pool, name).await;
        assert!(
            matches!(&refused, Err(ActorsError::Refused(why)) if why.starts_with(&format!("\"{name}\" cannot run: everything was paused by ops; "))),
            "{refused:?}"
        );
    }
    assert!(!resume(pool, "postign").await.unwrap());
    let by_hand = sqlx::query("update botticelli.actor_server_state set is_paused = false")
        .execute(pool)
        .await;
    assert!(by_hand.is_err());
    assert_eq!(database.rows(QUEUES).await, ["generation|t", "own|t", "posting|t"]);
    // One that gets an actor later follows that.
    enrol(&database, "own", "manual", true).await;
    pause(pool, "own", "alice").await.unwrap();
    resume_all(pool).await.unwrap();
    assert_eq!(database.rows(QUEUES).await, ["generation|f", "own|t", "posting|t"]);
    assert!(resume(pool, "own").await.unwrap());
    assert!(resume(pool, "posting").await.unwrap());
    assert_eq!(database.rows(QUEUES).await, ["generation|f", "own|f", "posting|f"]);
}

#[tokio::test]
async fn a_queue_that_is_paused_by_its_own_name_meanwhile_stays_so() {
    let database = with_actors().await;
    let pool = &database.pool;
    database
        .execute("insert into botticelli.queues (name, kind, max_attempts) values ('own', 'own', 3)")
        .await;
    pause_all(pool, "ops").await.unwrap();
    pause(pool, "own", "alice").await.unwrap();
    database
        .execute(
            "insert into botticelli.queues (name, kind, max_attempts, is_paused) values ('stopped', 'own', 3, true)",
        )
        .await;
    resume_all(pool).await.unwrap();
    assert_eq!(
        database.rows(QUEUES).await,
        ["generation|f", "own|t", "posting|f", "stopped|t"]
    );
}

#[tokio::test]
async fn who_lets_a_queue_run_or_makes_one_waits_for_a_pause_of_everything_that_is_on_its_way() {
    let database = with_actors().await;
    database
        .execute("insert into botticelli.queues (name, kind, max_attempts, is_paused) values ('own', 'own', 3, true)")
        .await;
    let mut pausing = database.pool.begin().await.unwrap();
    sqlx::query("select botticelli.pause_all('ops')")
        .execute(&mut *pausing)
        .await
        .unwrap();
    let run = |statement: &'static str| {
        let pool = database.pool.clone();
        tokio::spawn(async move { sqlx::query(statement).execute(&pool).await })
    };
    let resumed = run("select botticelli.set_queue_pause('own', false)");
    let made = run("insert into botticelli.queues (name, kind, max_attempts) values ('late', 'own', 3)");
    database.until_waiting_for_locks(2).await;
    pausing.commit().await.unwrap();
    assert!(resumed.await.unwrap().is_err());
    made.await.unwrap().unwrap();
    assert_eq!(
        database.rows(QUEUES).await,
        ["generation|t", "late|t", "own|t", "posting|t"]
    );
}

#[tokio::test]
async fn a_queue_without_an_actor_can_be_paused_by_its_name() {
    let database = with_actors().await;
    database
        .execute("insert into botticelli.queues (name, kind, max_attempts) values ('own', 'own', 3)")
        .await;
    assert!(pause(&database.pool, "own", "ops").await.unwrap());
    assert_eq!(database.rows(QUEUES).await, ["generation|f", "own|t", "posting|f"]);
    assert!(resume(&database.pool, "own").await.unwrap());
    assert_eq!(database.rows(QUEUES).await, ["generation|f", "own|f", "posting|f"]);
}
