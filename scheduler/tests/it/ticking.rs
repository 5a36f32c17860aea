//! One job for each tick.

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, at};

const BASELINE: &str = "08:00||skipped|the schedule was seen for the first time; it runs from its next tick on";

#[tokio::test]
async fn five_schedulers_enqueue_one_job_for_each_tick() {
    let bench = Bench::new().await;
    let tickers = [(); 5].map(|()| bench.ticker("0 * * * *"));
    let round = async |time: &str| {
        for outcome in join_all(tickers.iter().map(|ticker| ticker.round(at(time)))).await {
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
    assert_eq!(ticks[0], BASELINE);
    assert_eq!(ticks[1..].len(), 11);
    assert!(ticks[1..].iter().all(|tick| tick.ends_with("|enqueued|")), "{ticks:?}");
}

#[tokio::test]
async fn two_schedulers_that_run_follow_the_clock() {
    let bench = Bench::new().await;
    let stop = CancellationToken::new();
    let running = [(); 2].map(|()| tokio::spawn(bench.ticker("0 * * * *").run(stop.clone())));
    let ticks = |number: usize| format!("(select count(*) from botticelli.schedule_ticks) = {number}");
    bench.database.until(&ticks(1)).await;
    for (time, number) in [("09:00", 2), ("10:00", 3)] {
        bench.clock.set(at(time));
        bench.database.until(&ticks(number)).await;
        assert_eq!(bench.jobs().await, "1", "at {time}");
        bench.finish_jobs().await;
    }
    stop.cancel();
    for ended in running {
        ended.await.unwrap();
    }
    assert_eq!(bench.ticks().await, [BASELINE, "09:00||enqueued|", "10:00||enqueued|"]);
}

#[tokio::test]
async fn a_restart_fires_nothing_a_second_time() {
    let bench = Bench::new().await;
    bench.ticker("0 * * * *").round(at("08:30")).await.unwrap();
    bench.ticker("0 * * * *").round(at("09:00")).await.unwrap();
    bench.finish_jobs().await;
    for _ in 0..3 {
        bench.ticker("0 * * * *").round(at("09:40")).await.unwrap();
    }
    assert_eq!(bench.jobs().await, "0");
}

#[tokio::test]
async fn of_the_ticks_missed_in_an_outage_only_the_latest_is_made_up_for() {
    let bench = Bench::new().await;
    bench.ticker("0 * * * *").round(at("08:30")).await.unwrap();
    bench.ticker("0 * * * *").round(at("13:15")).await.unwrap();
    assert_eq!(bench.ticks().await, [BASELINE, "13:00||enqueued|"]);
}

#[tokio::test]
async fn a_clock_that_was_set_back_fires_nothing_again() {
    let bench = Bench::new().await;
    let ticker = bench.ticker("0 * * * *");
    for time in ["08:30", "09:00"] {
        ticker.round(at(time)).await.unwrap();
    }
    bench.finish_jobs().await;
    for time in ["08:30", "08:59", "09:00"] {
        ticker.round(at(time)).await.unwrap();
    }
    assert_eq!(bench.jobs().await, "0");
}

#[tokio::test]
async fn immediate_runs_once_for_each_revision_of_the_settings() {
    let bench = Bench::new().await;
    for revision in ["r1", "r1", "r2", "r2", "r1"] {
        bench.ticker_of("immediate", revision).round(at("08:30")).await.unwrap();
        bench.finish_jobs().await;
    }
    assert_eq!(bench.ticks().await, ["00:00|r1|enqueued|", "00:00|r2|enqueued|"]);
}

#[tokio::test]
async fn a_tick_whose_job_cannot_be_enqueued_stays_due() {
    let bench = Bench::new().await;
    let ticker = bench.ticker("immediate");
    bench
        .database
        .execute("alter table botticelli.waiting_jobs add constraint full_up check (false) not valid")
        .await;
    assert!(ticker.round(at("08:30")).await.is_err());
    assert_eq!(bench.ticks().await, [""; 0]);
    bench
        .database
        .execute("alter table botticelli.waiting_jobs drop constraint full_up")
        .await;
    ticker.round(at("08:31")).await.unwrap();
    assert_eq!(bench.ticks().await, ["00:00|r1|enqueued|"]);
    assert_eq!(bench.jobs().await, "1");
}

#[tokio::test]
async fn the_next_run_of_an_actor_is_noted() {
    let bench = Bench::new().await;
    let next_run = "select next_run from botticelli.actor_server_state";
    bench.ticker("0 * * * *").round(at("08:30")).await.unwrap();
    assert_eq!(bench.database.row(next_run).await, "2026-11-23 09:00:00+00");
    bench.ticker("manual").round(at("08:30")).await.unwrap();
    assert_eq!(bench.database.row(next_run).await, "");
}

#[tokio::test]
async fn the_trouble_of_one_actor_does_not_stop_the_schedules_of_the_others() {
    let bench = Bench::new().await;
    let mut ticker = bench.ticker("0 * * * *");
    let mut lost = ticker.actors[0].clone();
    lost.name = "a_queue_that_somebody_removed".to_owned();
    ticker.actors.insert(0, lost);
    ticker.round(at("08:30")).await.unwrap();
    let refusal = ticker.round(at("09:00")).await.unwrap_err().to_string();
    assert!(refusal.contains("a_queue_that_somebody_removed"), "{refusal}");
    assert_eq!(bench.jobs().await, "1");
}
