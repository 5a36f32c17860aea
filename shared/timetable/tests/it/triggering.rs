//! Running a schedule's job now.

use botticelli_queue::Source;
use botticelli_testkit::database;
use botticelli_timetable::trigger_schedule;

const SCHEDULES: &str = r#"
insert into botticelli.queues (name, kind, max_attempts) values ('generation', 'generation', 3);
insert into botticelli.schedules (name, queue, schedule, args, is_paused) values ('evening', 'generation', 'manual', '{"iterations": 2}', true);
insert into botticelli.schedules (name, queue, schedule, args) values
  ('wrong', 'generation', 'manual', '{"iteration": 2}'), ('nowhere', 'gone', 'manual', '{}')"#;

#[tokio::test]
async fn the_job_is_there_at_once_and_the_schedule_says_who_asked() {
    let database = database().await;
    database.execute(SCHEDULES).await;
    let job = trigger_schedule(&database.pool, "evening", "alice", Source::Cli)
        .await
        .unwrap();
    let jobs = "select id, queue, args, source, run_at <= now() from botticelli.jobs";
    assert_eq!(
        database.rows(jobs).await,
        [format!(r#"{job}|generation|{{"iterations": 2}}|cli|t"#)]
    );
    let ticks =
        "select actor, outcome, reason, job_id, now() - tick_at < interval '1 minute' from botticelli.schedule_ticks";
    assert_eq!(
        database.rows(ticks).await,
        [format!("evening|enqueued|triggered by alice|{job}|t")]
    );
    // By SQL it is the account that asks.
    database.execute("select botticelli.trigger_schedule('evening')").await;
    let by = "select count(*) from botticelli.schedule_ticks where reason = 'triggered by ' || session_user";
    assert_eq!(database.row(by).await, "1");
}

#[tokio::test]
async fn what_cannot_run_is_refused_and_leaves_nothing() {
    let database = database().await;
    database.execute(SCHEDULES).await;
    for (name, expected) in [
        (
            "evenings",
            "unknown schedule \"evenings\"; Known schedules: evening, nowhere, wrong.",
        ),
        ("wrong", "unknown argument \"iteration\""),
        ("nowhere", "unknown queue \"gone\""),
    ] {
        let refused = trigger_schedule(&database.pool, name, "alice", Source::Cli)
            .await
            .unwrap_err();
        assert!(refused.to_string().starts_with(expected), "{refused}");
    }
    let left = "select (select count(*) from botticelli.jobs), (select count(*) from botticelli.schedule_ticks)";
    assert_eq!(database.row(left).await, "0|0");
}
