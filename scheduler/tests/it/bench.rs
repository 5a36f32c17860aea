//! A database with one actor, `generation`, and schedulers that share a clock.

use std::{sync::Arc, time::Duration};

use botticelli_actors::Registration;
use botticelli_control::HealthState;
use botticelli_queue::register_queue;
use botticelli_schedule::ManualClock;
use botticelli_scheduler::{Maintenance, Ticker};
use botticelli_telemetry::Metrics;
use botticelli_testkit::{TestDatabase, database};
use chrono::{DateTime, Utc};

pub(crate) struct Bench {
    pub(crate) database: TestDatabase,
    pub(crate) clock: ManualClock,
}

impl Bench {
    /// It is half past eight.
    pub(crate) async fn new() -> Self {
        let bench = Self {
            database: database().await,
            clock: ManualClock::new(at("08:30")),
        };
        bench.register("generation").await;
        bench
    }

    pub(crate) async fn register(&self, actor: &str) {
        let mut connection = self.database.pool.acquire().await.unwrap();
        register_queue(&mut connection, actor, "generation", 3).await.unwrap();
        let registration = Registration {
            name: actor,
            kind: "generation",
            enabled: true,
            schedule: "manual",
            schedule_type: "Manual",
        };
        botticelli_actors::register(&mut connection, &registration)
            .await
            .unwrap();
    }

    /// Makes the schedule of `generation`, or changes it. `rest` are further columns, as `overlap = 'allow'`.
    pub(crate) async fn schedule(&self, schedule: &str, rest: &[&str]) {
        let set = [&[""], rest].concat().join(", ");
        let statement = format!(
            "insert into botticelli.schedules (name, queue, schedule, is_configured) values ('generation', 'generation', 'manual', true)
             on conflict do nothing;
             update botticelli.schedules set schedule = '{schedule}'{set} where name = 'generation'"
        );
        self.database.execute(&statement).await;
    }

    /// A scheduler that just started.
    pub(crate) fn ticker(&self) -> Ticker {
        let clock = Arc::new(self.clock.clone());
        Ticker {
            pool: self.database.pool.clone(),
            heartbeat: HealthState::new(clock.clone()).heartbeat(),
            clock: Some(clock),
            metrics: metrics(),
        }
    }

    /// One round of a scheduler at that time.
    pub(crate) async fn round(&self, time: &str) {
        self.clock.set(at(time));
        self.ticker().round().await.unwrap();
    }

    pub(crate) fn maintenance(&self) -> Maintenance {
        Maintenance {
            pool: self.database.pool.clone(),
            metrics: metrics(),
            rescue_interval: Duration::from_millis(50),
            history_retention: Duration::from_hours(24),
            dead_retention: Duration::from_hours(48),
        }
    }

    /// Every recorded tick: when, its revision, its outcome, and why.
    pub(crate) async fn ticks(&self) -> Vec<String> {
        let query = "select to_char(tick_at at time zone 'utc', 'HH24:MI'), revision, outcome, reason
                     from botticelli.schedule_ticks order by tick_at, revision";
        self.database.rows(query).await
    }

    pub(crate) async fn jobs(&self) -> String {
        self.database.row("select count(*) from botticelli.jobs").await
    }

    /// What a worker leaves of the jobs once they are done.
    pub(crate) async fn finish_jobs(&self) {
        self.database.execute("delete from botticelli.waiting_jobs").await;
    }
}

/// A time of one certain day to come: for the server, whose clock is another, nothing of it is in the past.
pub(crate) fn at(time: &str) -> DateTime<Utc> {
    format!("2099-11-23T{time}:00Z").parse().unwrap()
}

/// Instruments that nobody reads.
pub(crate) fn metrics() -> Arc<Metrics> {
    botticelli_telemetry::local_metrics("scheduler", "test").unwrap().0
}
