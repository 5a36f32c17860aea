use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter, ObservableGauge, UpDownCounter};

use crate::names::{label, metric};

mod labels;

pub use labels::{PauseReason, PostOutcome, Status, TokenKind};

/// A local model answers within seconds, a long narrative within half an hour.
const EXECUTION_BUCKETS: [f64; 12] = [0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];

/// A notified worker starts within milliseconds; a job behind a long queue waits for an hour.
const WAIT_BUCKETS: [f64; 12] = [0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0];

/// A scheduler that runs is milliseconds late; one that was away for the night catches up.
const LAG_BUCKETS: [f64; 12] = [0.005, 0.02, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 600.0, 3600.0];

type PauseStates = Arc<Mutex<BTreeMap<String, Option<PauseReason>>>>;

/// When the schedule of an actor was and is due, in seconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScheduleTimes {
    /// The next tick, if there is one to come.
    pub next_tick: Option<i64>,
    /// The last one that was decided.
    pub last_tick: Option<i64>,
}

type Timetable = Arc<Mutex<BTreeMap<String, ScheduleTimes>>>;

/// The instruments of one process.
///
/// Cheap to call from any thread; nothing here blocks, fails or touches the network.
#[derive(Debug)]
pub struct Metrics {
    executions: Counter<u64>,
    active: UpDownCounter<i64>,
    breaker_trips: Counter<u64>,
    execution_duration: Histogram<f64>,
    skills: Counter<u64>,
    last_success: Gauge<i64>,
    consecutive_failures: Gauge<u64>,
    jobs_rescued: Counter<u64>,
    job_wait: Histogram<f64>,
    llm_tokens: Counter<u64>,
    posts: Counter<u64>,
    schedule_ticks: Counter<u64>,
    schedule_lag: Histogram<f64>,
    schedules_overdue: Gauge<u64>,
    timetable: Timetable,
    _timetable: [ObservableGauge<i64>; 2],
    db_up: Gauge<u64>,
    pauses: PauseStates,
    _paused: ObservableGauge<u64>,
}

impl Metrics {
    pub(crate) fn new(meter: &Meter, role: &'static str) -> Self {
        let counter = |name, help| meter.u64_counter(name).with_description(help).build();
        let gauge = |name, help| meter.u64_gauge(name).with_description(help).build();
        let seconds = |name, help, buckets: &[f64]| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(help)
                .with_boundaries(buckets.to_vec())
                .build()
        };
        let pauses = PauseStates::default();
        let timetable = Timetable::default();
        let metrics = Self {
            executions: counter(metric::ACTOR_EXECUTIONS, "Finished actor executions by status."),
            active: meter
                .i64_up_down_counter(metric::ACTIVE_ACTORS)
                .with_description("Actor executions in progress in this process.")
                .build(),
            breaker_trips: counter(
                metric::CIRCUIT_BREAKER_TRIPS,
                "Times an actor's circuit breaker opened.",
            ),
            execution_duration: seconds(
                metric::EXECUTION_DURATION,
                "Duration of actor executions; skipped ones are not counted.",
                &EXECUTION_BUCKETS,
            ),
            skills: counter(
                metric::SKILLS_EXECUTED,
                "Skills executed within actor executions by status.",
            ),
            last_success: meter
                .i64_gauge(metric::LAST_SUCCESS)
                .with_description("Moment of the actor's last success, in seconds since 1970.")
                .build(),
            consecutive_failures: gauge(
                metric::CONSECUTIVE_FAILURES,
                "Failures of the actor since its last success.",
            ),
            jobs_rescued: counter(
                metric::JOBS_RESCUED,
                "Jobs taken back from workers that lost them, by reason.",
            ),
            job_wait: seconds(
                metric::JOB_WAIT,
                "Time between a job becoming due and a worker starting it.",
                &WAIT_BUCKETS,
            ),
            llm_tokens: counter(metric::LLM_TOKENS, "Language model tokens by provider, model and type."),
            posts: counter(metric::POSTS, "Posts by what became of them."),
            schedule_ticks: counter(
                metric::SCHEDULE_TICKS,
                "Ticks of schedules by what became of them: enqueued, skipped, missed, buffered.",
            ),
            schedule_lag: seconds(
                metric::SCHEDULE_LAG,
                "Time between a tick and the enqueuing of its job.",
                &LAG_BUCKETS,
            ),
            schedules_overdue: gauge(
                metric::SCHEDULES_OVERDUE,
                "Schedules that have been due for more than five seconds without being decided.",
            ),
            _timetable: [
                tick_gauge(
                    meter,
                    metric::SCHEDULE_NEXT_TICK,
                    "Next tick of the actor's schedule, in seconds since 1970.",
                    &timetable,
                    |times| times.next_tick,
                ),
                tick_gauge(
                    meter,
                    metric::SCHEDULE_LAST_TICK,
                    "Last tick of the actor's schedule that was decided, in seconds since 1970.",
                    &timetable,
                    |times| times.last_tick,
                ),
            ],
            timetable,
            db_up: gauge(
                metric::DB_UP,
                "1 when the last round trip to the database succeeded, else 0.",
            ),
            _paused: paused_gauge(meter, &pauses),
            pauses,
        };
        metrics.active.add(0, &[]);
        gauge(metric::BUILD_INFO, "Always 1; the labels say which build is running.").record(
            1,
            &[
                KeyValue::new(label::VERSION, env!("CARGO_PKG_VERSION")),
                KeyValue::new(label::ROLE, role),
            ],
        );
        metrics
    }

    /// Counts a run of `actor` as in progress until the returned guard is dropped, also by a panic.
    ///
    /// The actor's counters appear with the value 0, so that a rate over them sees the first event.
    pub fn execution_started(&self, actor: &str) -> ActiveRun {
        for status in Status::ALL {
            self.executions
                .add(0, &[actor_label(actor), status_label(status.as_str())]);
        }
        self.breaker_trips.add(0, &[actor_label(actor)]);
        self.active.add(1, &[]);
        ActiveRun {
            active: self.active.clone(),
        }
    }

    /// Records the end of a run. The duration of a skipped run is not observed: it would pull every percentile to zero.
    pub fn execution_finished(
        &self,
        actor: &str,
        status: Status,
        duration: Duration,
        skills_succeeded: u64,
        skills_failed: u64,
    ) {
        self.executions
            .add(1, &[actor_label(actor), status_label(status.as_str())]);
        if status != Status::Skipped {
            self.execution_duration
                .record(duration.as_secs_f64(), &[actor_label(actor)]);
        }
        self.skills
            .add(skills_succeeded, &[actor_label(actor), status_label("succeeded")]);
        self.skills
            .add(skills_failed, &[actor_label(actor), status_label("failed")]);
    }

    /// Counts one opening of the actor's circuit breaker. The pause itself is reported with [`Self::set_paused`].
    pub fn breaker_tripped(&self, actor: &str) {
        self.breaker_trips.add(1, &[actor_label(actor)]);
    }

    /// Reports the actor as paused for a reason, or as not paused (`None`).
    ///
    /// Each actor has exactly one series: the one of an earlier reason disappears.
    pub fn set_paused(&self, actor: &str, reason: Option<PauseReason>) {
        lock(&self.pauses).insert(actor.to_owned(), reason);
    }

    /// Reports how many times in a row the actor has failed.
    pub fn set_consecutive_failures(&self, actor: &str, failures: u64) {
        self.consecutive_failures.record(failures, &[actor_label(actor)]);
    }

    /// Reports the moment of the actor's last success, in seconds since 1970.
    pub fn set_last_success(&self, actor: &str, unix_seconds: i64) {
        self.last_success.record(unix_seconds, &[actor_label(actor)]);
    }

    /// Counts jobs that were taken back from a worker that had lost them.
    ///
    /// The reason is a label, hence a constant of the program and never a text made at run time.
    pub fn jobs_rescued(&self, jobs: u64, reason: &'static str) {
        self.jobs_rescued.add(jobs, &[KeyValue::new(label::REASON, reason)]);
    }

    /// Records how long a job had been due when a worker started it.
    pub fn job_waited(&self, wait: Duration) {
        self.job_wait.record(wait.as_secs_f64(), &[]);
    }

    /// Counts tokens read or written by a language model.
    pub fn llm_tokens(&self, provider: &str, model: &str, kind: TokenKind, tokens: u64) {
        self.llm_tokens.add(
            tokens,
            &[
                KeyValue::new(label::PROVIDER, provider.to_owned()),
                KeyValue::new(label::MODEL, model.to_owned()),
                KeyValue::new(label::TYPE, kind.as_str()),
            ],
        );
    }

    /// Counts one post by what became of it.
    pub fn post(&self, outcome: PostOutcome) {
        self.posts.add(1, &[KeyValue::new(label::OUTCOME, outcome.as_str())]);
    }

    /// Counts ticks of the schedules of an actor by what became of them, a constant of the program.
    pub fn schedule_ticks(&self, actor: &str, outcome: &'static str, ticks: u64) {
        let outcome = KeyValue::new(label::OUTCOME, outcome);
        self.schedule_ticks.add(ticks, &[actor_label(actor), outcome]);
    }

    /// Records how long after its tick a job was enqueued.
    pub fn schedule_lagged(&self, actor: &str, lag: Duration) {
        self.schedule_lag.record(lag.as_secs_f64(), &[actor_label(actor)]);
    }

    /// Reports when the schedule of each actor was and is due: those of `timetable`, and no others any more.
    pub fn set_timetable(&self, timetable: BTreeMap<String, ScheduleTimes>) {
        *lock(&self.timetable) = timetable;
    }

    /// Reports how many schedules wait to be decided.
    pub fn set_schedules_overdue(&self, count: u64) {
        self.schedules_overdue.record(count, &[]);
    }

    /// Reports whether the last round trip to the database succeeded.
    pub fn db_up(&self, up: bool) {
        self.db_up.record(u64::from(up), &[]);
    }
}

/// A run in progress. Dropping it ends the run in the metrics.
#[derive(Debug)]
#[must_use = "the run counts as ended when this is dropped"]
pub struct ActiveRun {
    active: UpDownCounter<i64>,
}

impl Drop for ActiveRun {
    fn drop(&mut self) {
        self.active.add(-1, &[]);
    }
}

/// An observed gauge, because a recorded one would keep the series of every reason that ever applied.
fn paused_gauge(meter: &Meter, pauses: &PauseStates) -> ObservableGauge<u64> {
    let pauses = Arc::clone(pauses);
    meter
        .u64_observable_gauge(metric::ACTOR_PAUSED)
        .with_description("1 when the actor is paused, with the reason, else 0.")
        .with_callback(move |observer| {
            for (actor, reason) in lock(&pauses).iter() {
                let value = u64::from(reason.is_some());
                let reason = reason.map_or("none", PauseReason::as_str);
                observer.observe(value, &[actor_label(actor), KeyValue::new(label::REASON, reason)]);
            }
        })
        .build()
}

/// Observed too, because an actor may have no tick to come, and a recorded gauge would keep the one that was.
fn tick_gauge(
    meter: &Meter,
    name: &'static str,
    help: &'static str,
    timetable: &Timetable,
    of: fn(&ScheduleTimes) -> Option<i64>,
) -> ObservableGauge<i64> {
    let timetable = Arc::clone(timetable);
    meter
        .i64_observable_gauge(name)
        .with_description(help)
        .with_callback(move |observer| {
            for (actor, times) in lock(&timetable).iter() {
                if let Some(tick) = of(times) {
                    observer.observe(tick, &[actor_label(actor)]);
                }
            }
        })
        .build()
}

fn actor_label(actor: &str) -> KeyValue {
    KeyValue::new(label::ACTOR, actor.to_owned())
}

fn status_label(status: &'static str) -> KeyValue {
    KeyValue::new(label::STATUS, status)
}

/// The map is whole after every operation on it, so one left by a panicking thread is as good as any.
fn lock<T>(map: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}
