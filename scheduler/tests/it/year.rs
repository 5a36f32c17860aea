//! A year of many schedules in many zones, with several schedulers that come and go: every tick has its job, once.

use std::{collections::BTreeMap, sync::Arc};

use botticelli_control::HealthState;
use botticelli_queue::register_queue;
use botticelli_schedule::{ManualClock, Schedule, TickOffset};
use botticelli_scheduler::Ticker;
use botticelli_testkit::database;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use sqlx::PgPool;

use crate::bench::metrics;

/// So many schedules and days unless it is said: `1000 366` for the long run.
const SIZE: &str = "BOTTICELLI_TEST_SCHEDULER_YEAR";
const FEW: (usize, i64) = (60, 45);

const ZONES: [&str; 20] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "America/New_York",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Havana",
    "America/Santiago",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Africa/Casablanca",
];

/// The schedule of number `n`.
fn schedule(n: usize) -> String {
    let (minute, hour) = (n * 7 % 60, n * 5 % 24);
    match n % 8 {
        0 => format!("{minute} {hour} * * *"),
        1 => format!("{minute} {} * * *", n / 8 % 4),
        2 => format!("{minute} */12 * * *"),
        3 => format!("every {} hours", 13 + n % 30),
        4 => format!("{minute} {hour} L * *; {minute} 2 * * SUN"),
        5 => format!("{minute} {hour} * * MON-FRI; except 2027-03-20..2027-04-05"),
        6 => format!("30 {} 15W,1 * *; at 2027-02-03T04:05:06Z", n / 8 % 4),
        _ => format!("{minute} {hour} * * FRI#2,SUNL"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_tick_of_every_schedule_has_exactly_one_job_whoever_decides_it() {
    let size = std::env::var(SIZE).ok();
    let size = size.as_deref().and_then(|size| size.split_once(' '));
    let (count, days) = size.map_or(FEW, |(count, days)| (count.parse().unwrap(), days.parse().unwrap()));
    let database = database().await;
    register_queue(&mut database.pool.acquire().await.unwrap(), "own", "own", 1)
        .await
        .unwrap();
    let names: Vec<String> = (0..count).map(|n| format!("s{n}")).collect();
    let schedules: Vec<String> = (0..count).map(schedule).collect();
    let zones: Vec<&str> = (0..count).map(|n| ZONES[n / 8 % ZONES.len()]).collect();
    sqlx::query(
        "insert into botticelli.schedules (name, queue, schedule, timezone, overlap, catch_up, catch_up_window)
         select name, 'own', schedule, zone, 'allow', 'all', '60 days' from unnest($1::text[], $2::text[], $3::text[]) as s (name, schedule, zone)",
    )
    .bind(&names)
    .bind(&schedules)
    .bind(&zones)
    .execute(&database.pool)
    .await
    .unwrap();

    let begin: DateTime<Utc> = "2027-01-01T00:00:00Z".parse().unwrap();
    let end = begin + TimeDelta::days(days);
    let clock = ManualClock::new(begin);
    let mut now = begin;
    // Steps that look random: a minute, an hour, a day and a half.
    let mut step: i64 = 1;
    loop {
        let tickers = [(); 5].map(|()| ticker(&database.pool, &clock));
        for outcome in join_all(tickers.iter().map(Ticker::round)).await {
            outcome.unwrap();
        }
        // What another had locked.
        tickers[0].round().await.unwrap();
        if now >= end {
            break;
        }
        step = step * 48_271 % 2_147_483_647;
        now = (now + TimeDelta::seconds(60 + step % 130_000)).min(end);
        clock.set(now);
    }

    let mut expected = BTreeMap::<String, Vec<DateTime<Utc>>>::new();
    let mut ticks = 0;
    for ((name, schedule), zone) in names.iter().zip(&schedules).zip(zones) {
        let schedule = schedule.parse::<Schedule>().unwrap().in_zone(zone.parse().unwrap());
        let offset = TickOffset::of(name);
        let due = std::iter::successors(schedule.next_tick(begin, offset), |&tick| {
            schedule.next_tick(tick, offset)
        });
        let due: Vec<_> = due.take_while(|tick| *tick <= end).collect();
        ticks += due.len();
        expected.insert(name.clone(), due);
    }
    let rows: Vec<(String, Vec<DateTime<Utc>>)> = sqlx::query_as(
        "select actor, array_agg(tick_at order by tick_at) from botticelli.schedule_ticks
         join botticelli.waiting_jobs job on job.id = job_id and job.run_at = tick_at
         where outcome = 'enqueued' and ticks = 1 group by actor",
    )
    .fetch_all(&database.pool)
    .await
    .unwrap();
    let mut decided: BTreeMap<_, _> = rows.into_iter().collect();
    for (name, due) in &expected {
        let decided = decided.remove(name).unwrap_or_default();
        assert_eq!(&decided, due, "{name}");
    }
    let counts = "select (select count(*) from botticelli.waiting_jobs), (select count(distinct job_id) from botticelli.schedule_ticks),
                         (select count(*) from botticelli.schedule_ticks)";
    assert_eq!(database.row(counts).await, format!("{ticks}|{ticks}|{ticks}"));
    assert!(ticks > count, "{ticks} ticks");
}

fn ticker(pool: &PgPool, clock: &ManualClock) -> Ticker {
    let clock = Arc::new(clock.clone());
    Ticker {
        pool: pool.clone(),
        heartbeat: HealthState::new(clock.clone()).heartbeat(),
        clock: Some(clock),
        metrics: metrics(),
    }
}
