//! A worker: claims, does and settles, by the rules that a worker of the fleet follows. Mostly a process of its own.

mod stop;
mod way;

use std::{env, path::Path, sync::Arc, time::Duration};

use botticelli_queue::{
    ClaimedJob, QueueError, Room, WorkerId, cancelled_of, claim, hold, promote, put_back_strays, register_worker,
    release_worker, renew_lease,
};
use botticelli_testkit::history::{Attempt, Event, EventLog, Outcome, note_effects};
use sqlx::{
    PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{Instant, sleep, timeout};

pub(crate) use self::{
    stop::{Gate, Step, Stop},
    way::Way,
};
use crate::{LEASE, PATIENCE, QUEUE};

/// The environment variable with the database's URL, by which a process knows that it is a worker.
pub(crate) const URL: &str = "BOTTICELLI_CHAOS_WORKER_URL";
/// The environment variable with the path of its log.
pub(crate) const LOG: &str = "BOTTICELLI_CHAOS_WORKER_LOG";
/// The environment variable with the isolation level of its transactions, where it is not the usual one.
pub(crate) const ISOLATION: &str = "BOTTICELLI_CHAOS_WORKER_ISOLATION";
/// The environment variable with the step before which it freezes itself once.
pub(crate) const STEP: &str = "BOTTICELLI_CHAOS_WORKER_STEP";

/// Without an answer for so long, the test itself must be gone.
const FORSAKEN: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(200);

/// How a worker goes about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Connections for its work; the lease has one of its own.
    pub(crate) connections: u32,
    /// How long it waits for an answer.
    pub(crate) patience: Duration,
    pub(crate) lease: Duration,
    /// Jobs in one claim.
    pub(crate) jobs: u16,
    /// How long a batch of jobs takes, and how long it waits when there are none.
    pub(crate) work: Duration,
    /// Whether the lease is renewed for each batch, however new it is.
    pub(crate) renews_for_each: bool,
    /// Whether it hands a job back because it is to end, once it has brought one to its end.
    pub(crate) drains: bool,
}

/// As in the fleet, and quick.
pub(crate) const STEADY: Manner = Manner {
    connections: 4,
    patience: PATIENCE,
    lease: LEASE,
    jobs: 12,
    work: Duration::from_millis(40),
    renews_for_each: false,
    drains: false,
};

/// One job at a time on one connection, so that each step is one question and one answer.
pub(crate) const STEP_BY_STEP: Manner = Manner {
    connections: 1,
    patience: botticelli_testkit::PATIENCE,
    lease: LEASE,
    jobs: 1,
    work: Duration::from_millis(20),
    renews_for_each: false,
    drains: true,
};

pub(crate) struct Worker {
    pool: PgPool,
    lease_pool: PgPool,
    log: EventLog,
    queue: Arc<str>,
    manner: Manner,
    stop: Stop,
    /// Whether a job has come to its end here.
    has_finished: bool,
    answered: Instant,
}

/// Works until it is killed, drained or forsaken, as the environment wants it.
pub(crate) async fn work(url: &str, log: &Path) {
    let struck_before = env::var(STEP).ok().map(|step| Step::named(&step));
    let manner = struck_before.map_or(STEADY, |step| Manner {
        renews_for_each: step == Step::Renew,
        ..STEP_BY_STEP
    });
    let stop = struck_before.map_or(Stop::Never, Stop::Freeze);
    Worker::new(url, log, manner, stop).work().await;
}

/// What became of an attempt to end something.
enum Answer {
    Done,
    Refused,
    Lost,
}

/// How a life under one identity ended.
#[derive(PartialEq, Eq)]
enum Life {
    Lost,
    Drained,
}

impl Worker {
    pub(crate) fn new(url: &str, log: &Path, manner: Manner, stop: Stop) -> Self {
        let options: PgConnectOptions = url.parse().unwrap();
        // One that is frozen within a transaction must not hold its jobs for ever; in the fleet it is a minute.
        let held_at_most = format!("{}ms", LEASE.as_millis());
        let mut options = options.options([("idle_in_transaction_session_timeout", held_at_most)]);
        if let Ok(isolation) = env::var(ISOLATION) {
            options = options.options([("default_transaction_isolation", isolation.replace(' ', "\\ "))]);
        }
        let pool = |connections| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(manner.patience)
                .test_before_acquire(manner.connections > 1)
                .connect_lazy_with(options.clone())
        };
        Self {
            pool: pool(manner.connections),
            lease_pool: pool(1),
            log: EventLog::append_to(log).unwrap(),
            queue: Arc::from(QUEUE),
            manner,
            stop,
            has_finished: false,
            answered: Instant::now(),
        }
    }

    pub(crate) async fn work(mut self) {
        while self.answered.elapsed() < FORSAKEN {
            if self.live_one_life().await == Life::Drained {
                return;
            }
        }
    }

    async fn in_time<T>(&self, answer: impl Future<Output = Result<T, QueueError>>) -> Option<T> {
        timeout(self.manner.patience, answer).await.ok()?.ok()
    }

    /// Works under one identity until its lease has ended.
    async fn live_one_life(&mut self) -> Life {
        let id = WorkerId::random();
        let registered = register_worker(&self.lease_pool, id, "chaos", self.manner.lease);
        if self.in_time(registered).await.is_none() {
            sleep(PAUSE).await;
            return Life::Lost;
        }
        let mut renewed = Instant::now();
        let mut may_have_strays = false;
        while self.answered.elapsed() < FORSAKEN {
            if renewed.elapsed() > self.manner.lease / 4 {
                match self.renew(id).await {
                    Some(true) => renewed = Instant::now(),
                    Some(false) => return Life::Lost,
                    None => {}
                }
            }
            if may_have_strays {
                let put_back = put_back_strays(&self.pool, &self.queue, id, &[]);
                if self.in_time(put_back).await.is_none() {
                    sleep(PAUSE).await;
                    continue;
                }
            }
            if self.has_finished {
                self.stop.arm();
            }
            self.stop_before(Step::Claim).await;
            let room = Room {
                jobs: self.manner.jobs,
                takes_suspect: true,
            };
            match self.in_time(claim(&self.pool, &self.queue, room, id)).await {
                Some(claimed) if claimed.jobs.is_empty() => {
                    self.answered = Instant::now();
                    self.in_time(promote(&self.pool, &self.queue)).await;
                    // A claim without an answer may take effect after the strays were looked for.
                    may_have_strays = true;
                    sleep(self.manner.work).await;
                }
                Some(claimed) => {
                    self.answered = Instant::now();
                    match self.run(id, &claimed.jobs).await {
                        Batch::Settled => may_have_strays = false,
                        Batch::Unsettled => may_have_strays = true,
                        Batch::Abandoned => return Life::Lost,
                        Batch::Drained => {
                            self.in_time(release_worker(&self.lease_pool, id)).await;
                            return Life::Drained;
                        }
                    }
                }
                None => {
                    may_have_strays = true;
                    sleep(PAUSE).await;
                }
            }
        }
        Life::Lost
    }

    /// `false` when the lease has ended; nothing when there is no answer.
    async fn renew(&self, id: WorkerId) -> Option<bool> {
        self.in_time(renew_lease(&self.lease_pool, id, self.manner.lease)).await
    }

    fn record(&mut self, events: impl IntoIterator<Item = Event>) {
        let events: Vec<Event> = events.into_iter().collect();
        self.log.record(&events).unwrap();
    }

    async fn run(&mut self, id: WorkerId, jobs: &[ClaimedJob]) -> Batch {
        self.record(jobs.iter().map(|job| Event::Claimed {
            claim: job.lease.claim.0,
            attempt: attempt(job),
        }));
        self.stop_before(Step::Begin).await;
        sleep(self.manner.work).await;
        let cancelled = self.in_time(cancelled_of(&self.pool, id)).await.unwrap_or_default();
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        for job in jobs {
            let way = if cancelled.contains(&job.lease.job) {
                Way::of_cancelled(job)
            } else {
                Way::of(job)
            };
            if way.has_effect() {
                self.record([Event::Effect { attempt: attempt(job) }]);
            }
            match way {
                Way::Complete => together.push(job.clone()),
                way => alone.push((job, way)),
            }
        }
        let mut is_settled = true;
        if !together.is_empty() && !self.has_effects(&together, &mut is_settled).await {
            together.clear();
        }
        if self.manner.renews_for_each {
            self.stop_before(Step::Renew).await;
            if self.renew(id).await == Some(false) {
                return Batch::Abandoned;
            }
        }
        let is_drained = self.manner.drains && self.has_finished && alone.iter().any(|(_, way)| *way == Way::HandBack);
        for (job, way) in alone {
            is_settled &= self.settle(std::slice::from_ref(job), way).await;
        }
        if !together.is_empty() {
            is_settled &= self.settle(&together, Way::Complete).await;
        }
        self.stop_before(Step::GoOn).await;
        match (is_drained, is_settled) {
            (true, _) => Batch::Drained,
            (false, true) => Batch::Settled,
            (false, false) => Batch::Unsettled,
        }
    }

    /// Has the effects of jobs of one claim on the database. `false` when they are not to be settled: the claim is lost, or
    /// there was no answer, and they are not `settled`.
    async fn has_effects(&mut self, jobs: &[ClaimedJob], settled: &mut bool) -> bool {
        for _ in 0..3 {
            let noted = async {
                let mut transaction = botticelli_database::transaction(&self.pool)
                    .await
                    .map_err(|_| Answer::Lost)?;
                note(&mut transaction, jobs, false).await?;
                transaction.commit().await.map_err(|_| Answer::Lost)
            };
            match timeout(self.manner.patience, noted).await {
                Ok(Ok(())) => return true,
                Ok(Err(Answer::Refused)) => {
                    self.record(jobs.iter().map(|job| Event::Refused {
                        outcome: Outcome::Completed,
                        attempt: attempt(job),
                    }));
                    return false;
                }
                _ => sleep(PAUSE).await,
            }
        }
        *settled = false;
        false
    }

    /// Asks until there is an answer, a few times. `false` when there was none.
    async fn settle(&mut self, jobs: &[ClaimedJob], way: Way) -> bool {
        let outcome = way.outcome(&jobs[0]);
        self.record(jobs.iter().map(|job| Event::Settling {
            outcome,
            attempt: attempt(job),
        }));
        for _ in 0..3 {
            let answers = timeout(self.manner.patience, self.ask(jobs, way)).await;
            let answers = answers.unwrap_or_else(|_| jobs.iter().map(|_| Answer::Lost).collect());
            let is_lost = answers.iter().any(|answer| matches!(answer, Answer::Lost));
            self.has_finished |= !is_lost && matches!(outcome, Outcome::Completed | Outcome::Discarded);
            self.record(jobs.iter().zip(answers).map(|(job, answer)| {
                let attempt = attempt(job);
                match answer {
                    Answer::Done => Event::Settled { outcome, attempt },
                    Answer::Refused => Event::Refused { outcome, attempt },
                    Answer::Lost => Event::Unanswered { outcome, attempt },
                }
            }));
            if !is_lost {
                self.stop.tell_answered();
                return true;
            }
            sleep(PAUSE).await;
        }
        false
    }

    /// Stops if it is to stop here. What was released to a pool is looked at before it is idle; nothing of that must come
    /// between the stop and the question that follows it.
    async fn stop_before(&mut self, step: Step) {
        if !self.stop.is_before(step) {
            return;
        }
        for pool in [&self.pool, &self.lease_pool] {
            // The transaction that is about to be committed has the one connection there is.
            while step != Step::Commit && pool.num_idle() < pool.size() as usize {
                sleep(Duration::from_millis(1)).await;
            }
        }
        self.stop.take_place(step).await;
    }
}

/// What became of the jobs of one claim.
enum Batch {
    Settled,
    /// Some may still be claimed.
    Unsettled,
    /// The lease is gone.
    Abandoned,
    /// They were given back because the worker is to end.
    Drained,
}

/// Has the effects of jobs of one claim, in a transaction that holds it.
async fn note(connection: &mut PgConnection, jobs: &[ClaimedJob], is_final: bool) -> Result<(), Answer> {
    let lease = jobs[0].lease;
    // One claim is one row: who holds one of its jobs holds all of those that run.
    match hold(connection, lease).await {
        Ok(()) => {}
        Err(QueueError::LeaseLost(_)) => return Err(Answer::Refused),
        Err(_) => return Err(Answer::Lost),
    }
    let worker = lease.worker.to_string();
    let attempts: Vec<_> = jobs.iter().map(|job| (job.lease.job.0, job.lease.attempt)).collect();
    let noted = note_effects(connection, lease.claim.0, &worker, &attempts, is_final).await;
    noted.map_err(|_| Answer::Lost)
}

fn attempt(job: &ClaimedJob) -> Attempt {
    Attempt {
        job: job.lease.job.0,
        attempt: job.lease.attempt,
        worker: job.lease.worker.to_string(),
    }
}
