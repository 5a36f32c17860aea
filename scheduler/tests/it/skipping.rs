//! Ticks without a job, and the reason that is kept of each.

use crate::bench::Bench;

/// A bench whose schedule is known, so that its ticks count.
async fn known() -> Bench {
    known_with(&[]).await
}

async fn known_with(rest: &[&str]) -> Bench {
    let bench = Bench::new().await;
    bench.schedule("0 * * * *", rest).await;
    bench.round("08:30").await;
    bench
}

async fn reason_at(bench: &Bench, time: &str) -> String {
    bench.round(time).await;
    bench.ticks().await.pop().unwrap()
}

#[tokio::test]
async fn a_tick_of_a_paused_actor_is_skipped_and_not_made_up_for() {
    let bench = known().await;
    assert!(
        botticelli_actors::pause(&bench.database.pool, "generation", "ops")
            .await
            .unwrap()
    );
    assert_eq!(
        reason_at(&bench, "09:00").await,
        "09:00||skipped|the actor is paused (manual)"
    );
    assert!(
        botticelli_actors::resume(&bench.database.pool, "generation")
            .await
            .unwrap()
    );
    bench.round("09:30").await;
    assert_eq!(bench.jobs().await, "0");
    assert_eq!(reason_at(&bench, "10:00").await, "10:00||enqueued|");
}

#[tokio::test]
async fn a_tick_of_an_actor_whose_breaker_is_open_says_so() {
    let bench = known().await;
    bench
        .database
        .execute(
            "update botticelli.actor_server_state
             set is_paused = true, paused_reason = 'circuit_breaker', breaker_state = 'open'",
        )
        .await;
    assert_eq!(
        reason_at(&bench, "09:00").await,
        "09:00||skipped|the actor is paused (circuit_breaker)"
    );
}

#[tokio::test]
async fn a_tick_is_skipped_while_the_last_job_waits_or_runs() {
    let bench = known().await;
    assert_eq!(reason_at(&bench, "09:00").await, "09:00||enqueued|");
    assert_eq!(
        reason_at(&bench, "10:00").await,
        "10:00||skipped|its last job waits or runs still"
    );
    assert_eq!(bench.jobs().await, "1");
    bench.finish_jobs().await;
    assert_eq!(reason_at(&bench, "11:00").await, "11:00||enqueued|");
}

#[tokio::test]
async fn jobs_that_others_asked_for_hold_nothing_up() {
    let bench = known().await;
    bench.database.execute("select botticelli.enqueue('generation')").await;
    assert_eq!(reason_at(&bench, "09:00").await, "09:00||enqueued|");
}

#[tokio::test]
async fn one_tick_can_wait_for_the_end_of_the_last_job() {
    let bench = known_with(&["overlap = 'buffer_one'"]).await;
    assert_eq!(reason_at(&bench, "09:00").await, "09:00||enqueued|");
    assert_eq!(reason_at(&bench, "10:00").await, "10:00||buffered|");
    assert_eq!(
        reason_at(&bench, "11:00").await,
        "11:00||skipped|one waits already for the end of its last job"
    );
    bench.finish_jobs().await;
    bench.round("11:05").await;
    assert_eq!(bench.ticks().await[1], "10:00||enqueued|");
    assert_eq!(bench.jobs().await, "1");
    bench.round("11:06").await;
    assert_eq!(bench.jobs().await, "1");
}

#[tokio::test]
async fn jobs_of_a_schedule_may_run_beside_each_other_or_end_each_other() {
    let bench = known_with(&["overlap = 'allow'"]).await;
    bench.round("09:00").await;
    bench.round("10:00").await;
    assert_eq!(bench.jobs().await, "2");

    let bench = known_with(&["overlap = 'cancel_other'"]).await;
    bench.round("09:00").await;
    bench.round("10:00").await;
    assert_eq!(bench.jobs().await, "1");
    assert_eq!(
        bench.database.row("select id, reason from botticelli.dead_jobs").await,
        "1|cancelled by generation: its schedule is due again"
    );
}

#[tokio::test]
async fn all_missed_ticks_or_none_can_be_caught_up_within_a_window() {
    let bench = known_with(&["catch_up = 'all'", "catch_up_window = '2 hours'", "overlap = 'allow'"]).await;
    bench.round("13:15").await;
    assert_eq!(
        bench.ticks().await,
        [
            "09:00||missed|no scheduler came to it in time, and it is too long ago to be caught up",
            "12:00||enqueued|",
            "13:00||enqueued|"
        ]
    );
    let bench = known_with(&["catch_up = 'none'"]).await;
    bench.round("13:15").await;
    assert_eq!(
        bench.ticks().await,
        ["09:00||missed|no scheduler came to it in time, and nothing is caught up"]
    );
    bench.round("14:00").await;
    assert_eq!(bench.ticks().await[1], "14:00||enqueued|");
}

#[tokio::test]
async fn ticks_outside_of_windows_and_inside_of_blackouts_are_skipped_with_the_reason() {
    let bench = known_with(&[
        "timezone = 'Europe/Berlin'",
        "windows = '{MON-FRI 10:00-12:00}'",
        "blackouts = '{11:30-12:30}'",
    ])
    .await;
    bench.schedule("*/30 * * * *", &[]).await;
    bench.round("08:31").await;
    for time in ["09:00", "10:00", "10:30", "11:00"] {
        bench.round(time).await;
        bench.finish_jobs().await;
    }
    // Berlin is an hour ahead.
    assert_eq!(
        bench.ticks().await,
        [
            "09:00||enqueued|",
            "09:30||missed|no scheduler came to it in time, and only the latest is caught up",
            "10:00||enqueued|",
            "10:30||skipped|it is in its blackout 11:30-12:30",
            "11:00||skipped|it is outside of its windows (MON-FRI 10:00-12:00)",
        ]
    );
}

#[tokio::test]
async fn a_schedule_can_be_paused_with_a_reason_and_has_a_beginning_and_an_end() {
    let bench = known_with(&["starts_at = '2099-11-23 10:00+00'", "ends_at = '2099-11-23 12:00+00'"]).await;
    bench.round("09:00").await;
    assert!(bench.ticks().await.is_empty());
    bench
        .database
        .execute("select botticelli.pause_schedule('generation', 'holidays', 'alice')")
        .await;
    assert_eq!(
        reason_at(&bench, "10:00").await,
        "10:00||skipped|the schedule was paused by alice: holidays"
    );
    bench
        .database
        .execute("select botticelli.resume_schedule('generation')")
        .await;
    assert_eq!(reason_at(&bench, "11:00").await, "11:00||enqueued|");
    bench.finish_jobs().await;
    assert_eq!(reason_at(&bench, "12:00").await, "12:00||enqueued|");
    bench.finish_jobs().await;
    assert_eq!(reason_at(&bench, "13:00").await, "12:00||enqueued|");
    let next = "select next_tick is null from botticelli.schedule_status";
    assert_eq!(bench.database.row(next).await, "t");
    let unknown = sqlx::query("select botticelli.pause_schedule('generaton')")
        .execute(&bench.database.pool)
        .await
        .unwrap_err();
    assert!(
        unknown.to_string().contains("unknown schedule \"generaton\""),
        "{unknown}"
    );
}

#[tokio::test]
async fn jobs_begin_up_to_the_jitter_later_and_always_at_the_same_time() {
    let bench = known_with(&["jitter = '10 minutes'", "overlap = 'allow'"]).await;
    for time in ["09:00", "10:00"] {
        bench.round(time).await;
    }
    let delays = "select extract(epoch from run_at - date_trunc('hour', run_at))::float8 from botticelli.waiting_jobs order by id";
    let delays = bench.database.rows(delays).await;
    let delays: Vec<f64> = delays.iter().map(|delay| delay.parse().unwrap()).collect();
    assert!(delays.iter().all(|delay| (0.0..600.0).contains(delay)), "{delays:?}");
    assert!((delays[0] - delays[1]).abs() > 0.001, "{delays:?}");
}
