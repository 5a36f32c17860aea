//! One job for each tick.

use std::time::Duration;

use botticelli_schedule::{Clock as _, SystemClock};
use botticelli_scheduler::Ticker;
use chrono::TimeDelta;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, at};

#[tokio::test]
async fn five_schedulers_enqueue_one_job_for_each_tick() {
    let bench = Bench::new().await;
    bench.schedule("0 * * * *", &[]).await;
    let tickers = [(); 5].map(|()| bench.ticker());
    let round = async |time: &str| {
        bench.clock.set(at(time));
        for outcome in join_all(tickers.iter().map(Ticker::round)).await {
            outcome.unwrap();
        }
    };
    round("08:30").await;
    assert_eq!(bench.jobs().await, "0");
    for hour in 9..20 {
        round(&format!("{hour:02}:00")).await;
        assert_eq!(bench.jobs().await, "1", "at {hour}");
        bench.finish_jobs().await;
    }
    let ticks = bench.ticks().await;
    assert_eq!(ticks.len(), 11);
    assert!(ticks.iter().all(|tick| tick.ends_with("|enqueued|")), "{ticks:?}");
}

#[tokio::test]
async fn two_schedulers_that_run_follow_the_clock() {
    let bench = Bench::new().await;
    bench.schedule("0 * * * *", &[]).await;
    let stop = CancellationToken::new();
    let running = [(); 2].map(|()| tokio::spawn(bench.ticker().run(stop.clone())));
    bench
        .database
        .until("exists (select from botticelli.schedules where decided_until is not null)")
        .await;
    for (time, number) in [("09:00", 1), ("10:00", 2)] {
        bench.clock.set(at(time));
        let ticks = format!("(select count(*) from botticelli.schedule_ticks) = {number}");
        bench.database.until(&ticks).await;
        assert_eq!(bench.jobs().await, "1", "at {time}");
        bench.finish_jobs().await;
    }
    stop.cancel();
    for ended in running {
        ended.await.unwrap();
    }
    assert_eq!(bench.jobs().await, "0");
}

#[tokio::test]
async fn of_the_ticks_missed_in_an_outage_the_latest_runs_and_the_others_leave_one_row() {
    let bench = Bench::new().await;
    bench.schedule("0 * * * *", &[]).await;
    bench.round("08:30").await;
    bench.round("13:15").await;
    assert_eq!(
        bench.ticks().await,
        [
            "09:00||missed|no scheduler came to it in time, and only the latest is caught up",
            "13:00||enqueued|"
        ]
    );
    let stretch =
        "select to_char(through at time zone 'utc', 'HH24:MI'), ticks from botticelli.schedule_ticks where ticks > 1";
    assert_eq!(bench.database.row(stretch).await, "12:00|4");
    let counts = "select enqueued, skipped, missed, last_outcome, last_lateness from botticelli.schedule_status";
    assert_eq!(bench.database.row(counts).await, "1|0|4|enqueued|00:15:00");
}

#[tokio::test]
async fn a_clock_that_was_set_back_fires_nothing_again() {
    let bench = Bench::new().await;
    bench.schedule("0 * * * *", &[]).await;
    bench.round("08:30").await;
    bench.round("09:00").await;
    bench.finish_jobs().await;
    for time in ["08:30", "08:59", "09:00"] {
        bench.round(time).await;
    }
    assert_eq!(bench.jobs().await, "0");
}

#[tokio::test]
async fn a_clock_that_was_a_year_fast_for_a_moment_does_not_silence_a_schedule_for_a_year() {
    let bench = Bench::new().await;
    let now = SystemClock.now();
    let hours = |hours| now + TimeDelta::hours(hours);
    bench.schedule("0 * * * *", &["jitter = '1 minute'"]).await;
    bench.clock.set(now);
    bench.ticker().round().await.unwrap();
    bench.clock.set(hours(9000));
    bench.ticker().round().await.unwrap();
    bench.clock.set(hours(1));
    bench.ticker().round().await.unwrap();
    // One ran by the wrong clock, and all before it are missed, as one stretch that begins with this hour.
    assert_eq!(bench.jobs().await, "1");
    bench.maintenance().prune().await.unwrap();
    for hour in 1..3 {
        bench.clock.set(hours(hour));
        bench.ticker().round().await.unwrap();
    }
    // The job of next year, which waits still, is not in the way.
    assert_eq!(bench.jobs().await, "2", "that of the second hour");
    let twice =
        "select count(*) from (select from botticelli.waiting_jobs group by run_at having count(*) > 1) as twice";
    assert_eq!(bench.database.row(twice).await, "0");
}

#[tokio::test]
async fn immediate_runs_once_for_each_revision_of_the_settings() {
    let bench = Bench::new().await;
    // Back to r1, as an old program does that starts beside new ones: it runs no more, and nothing is in the way of ticks.
    for revision in ["r1", "r1", "r2", "r2", "r1", "r1"] {
        bench
            .schedule("immediate; 0 * * * *", &[&format!("revision = '{revision}'")])
            .await;
        bench.round("08:30").await;
        bench.finish_jobs().await;
    }
    assert_eq!(bench.ticks().await, ["00:00|r1|enqueued|", "00:00|r2|enqueued|"]);
    bench.round("09:00").await;
    assert_eq!(bench.ticks().await.pop().unwrap(), "09:00||enqueued|");
}

#[tokio::test]
async fn immediate_runs_once_without_a_revision_and_within_its_bounds_only() {
    let bench = Bench::new().await;
    bench
        .schedule("immediate; 0 * * * *", &["starts_at = '2099-11-23 09:30+00'"])
        .await;
    bench.round("08:30").await;
    assert_eq!(bench.jobs().await, "0");
    for time in ["09:30", "10:00", "11:00"] {
        bench.round(time).await;
        bench.finish_jobs().await;
    }
    assert_eq!(
        bench.ticks().await,
        ["00:00||enqueued|", "10:00||enqueued|", "11:00||enqueued|"]
    );
    let last = "select last_tick, last_outcome from botticelli.schedule_status";
    assert_eq!(bench.database.row(last).await, "2099-11-23 11:00:00+00|enqueued");
    bench
        .schedule("immediate", &["revision = 'r2'", "ends_at = '2099-11-23 10:00+00'"])
        .await;
    bench.round("12:00").await;
    assert_eq!(bench.jobs().await, "0", "it is over");
}

#[tokio::test]
async fn a_tick_whose_job_cannot_be_enqueued_now_stays_due() {
    let bench = Bench::new().await;
    bench.schedule("immediate", &["revision = 'r1'"]).await;
    bench
        .database
        .execute("alter table botticelli.waiting_jobs rename to away")
        .await;
    bench.ticker().round().await.unwrap_err();
    assert_eq!(bench.ticks().await, [""; 0]);
    bench
        .database
        .execute("alter table botticelli.away rename to waiting_jobs")
        .await;
    bench.round("08:31").await;
    assert_eq!(bench.ticks().await, ["00:00|r1|enqueued|"]);
    assert_eq!(bench.jobs().await, "1");
}

#[tokio::test]
async fn the_next_run_of_an_actor_is_noted() {
    let bench = Bench::new().await;
    let next_run = "select next_run from botticelli.actor_server_state";
    bench.schedule("0 * * * *", &[]).await;
    bench.round("08:30").await;
    assert_eq!(bench.database.row(next_run).await, "2099-11-23 09:00:00+00");
    bench.schedule("manual", &[]).await;
    bench.round("08:30").await;
    assert_eq!(bench.database.row(next_run).await, "");
}

#[tokio::test]
async fn the_trouble_of_one_schedule_does_not_stop_the_others() {
    let bench = Bench::new().await;
    bench.schedule("0 * * * *", &[]).await;
    bench
        .database
        .execute(
            r#"insert into botticelli.schedules (name, queue, schedule, args) values
               ('gone', 'a_queue_that_somebody_removed', '0 * * * *', '{}'),
               ('wrong', 'generation', '0 * * * *', '{"iteration": 3}'),
               ('unreadable', 'generation', '0 25 * * *', '{}'),
               ('nowhere', 'generation', '0 * * * *', '{}');
             update botticelli.schedules set timezone = 'Europe/Berln' where name = 'nowhere'"#,
        )
        .await;
    bench.round("08:30").await;
    bench.round("09:00").await;
    assert_eq!(bench.jobs().await, "1");
    let standing = "select name, last_outcome, split_part(split_part(problem, ';', 1), E'\\n', 1) from botticelli.schedule_status order by name";
    assert_eq!(
        bench.database.rows(standing).await,
        [
            "generation|enqueued|",
            "gone|skipped|its job was refused: unknown queue \"a_queue_that_somebody_removed\"",
            "nowhere||timezone: `Europe/Berln` is no time zone",
            "unreadable||schedule `0 25 * * *`: hour `25` is not in 0-23",
            "wrong|skipped|its job was refused: unknown argument \"iteration\" for queue \"generation\" (kind generation)",
        ]
    );
    let reasons = "select actor, reason from botticelli.schedule_ticks where outcome = 'skipped' order by actor";
    let reasons = bench.database.rows(reasons).await;
    assert!(
        reasons[0].starts_with("gone|its job was refused: unknown queue"),
        "{reasons:?}"
    );
    assert!(
        reasons[1].starts_with("wrong|its job was refused: unknown argument \"iteration\""),
        "{reasons:?}"
    );
    // Both run once they are put right.
    bench.finish_jobs().await;
    bench
        .database
        .execute("update botticelli.schedules set schedule = '0 * * * *', timezone = 'UTC' where name in ('unreadable', 'nowhere')")
        .await;
    bench.round("09:30").await;
    bench.round("10:00").await;
    assert_eq!(bench.jobs().await, "3");
}

#[tokio::test]
async fn a_schedule_whose_times_change_fires_nothing_twice_and_none_that_lies_before() {
    let bench = Bench::new().await;
    bench.schedule("0 * * * *", &[]).await;
    bench.round("08:30").await;
    bench.round("09:00").await;
    bench.finish_jobs().await;
    // The same times in other words, and one that is past.
    bench.schedule("0 */1 * * *; 45 8 * * *", &[]).await;
    bench.round("09:00").await;
    bench.round("09:30").await;
    assert_eq!(bench.jobs().await, "0");
    bench.round("10:00").await;
    assert_eq!(bench.ticks().await, ["09:00||enqueued|", "10:00||enqueued|"]);
    // A change of something else forgets no tick.
    bench.finish_jobs().await;
    bench
        .schedule("0 */1 * * *; 45 8 * * *", &["args = '{\"iterations\": 1}'"])
        .await;
    bench.round("11:00").await;
    assert_eq!(bench.ticks().await.len(), 3);
}

#[tokio::test]
async fn what_became_of_ticks_is_kept_as_long_as_the_history_and_nothing_fires_again_then() {
    let bench = Bench::new().await;
    bench.schedule("0 * * * *; immediate", &["revision = 'r1'"]).await;
    bench.round("08:30").await;
    bench.finish_jobs().await;
    bench.round("09:00").await;
    bench.finish_jobs().await;
    bench
        .database
        .execute("update botticelli.schedule_ticks set recorded_at = now() - interval '25 hours'")
        .await;
    let day = Duration::from_hours(24);
    botticelli_timetable::prune_ticks(&bench.database.pool, day)
        .await
        .unwrap();
    assert!(bench.ticks().await.is_empty());
    bench.schedule("0 * * * *; immediate", &["revision = 'r1'"]).await;
    bench.round("09:30").await;
    assert_eq!(bench.jobs().await, "0");
}
