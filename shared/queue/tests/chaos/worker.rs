//! A worker process: claims, does and settles, by the rules that a worker of the fleet follows.

use std::{path::Path, sync::Arc, time::Duration};

use botticelli_queue::{
    ClaimedJob, Lease, QueueError, Room, WorkerId, claim, complete, complete_all, discard, hand_back, promote,
    put_back_strays, register_worker, renew_lease, retry, snooze,
};
use botticelli_testkit::history::{Attempt, Event, EventLog, Outcome};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::{Instant, sleep, timeout};

use crate::{LEASE, PATIENCE, QUEUE};

/// The environment variable with the database's URL, by which a process knows that it is a worker.
pub(crate) const URL: &str = "BOTTICELLI_CHAOS_WORKER_URL";
/// The environment variable with the path of its log.
pub(crate) const LOG: &str = "BOTTICELLI_CHAOS_WORKER_LOG";

/// Without an answer for so long, the test itself must be gone.
const FORSAKEN: Duration = Duration::from_mins(1);
/// How long a batch of jobs takes.
const WORK: Duration = Duration::from_millis(40);
const PAUSE: Duration = Duration::from_millis(200);
const ROOM: Room = Room {
    jobs: 12,
    takes_suspect: true,
};

struct Worker {
    pool: PgPool,
    log: EventLog,
    queue: Arc<str>,
    answered: Instant,
}

/// Works until it is killed, or forsaken.
pub(crate) async fn work(url: &str, log: &Path) {
    let pool = PgPoolOptions::new().max_connections(4).acquire_timeout(PATIENCE);
    let mut worker = Worker {
        pool: pool.connect_lazy(url).unwrap(),
        log: EventLog::append_to(log).unwrap(),
        queue: Arc::from(QUEUE),
        answered: Instant::now(),
    };
    while worker.answered.elapsed() < FORSAKEN {
        worker.live_one_life().await;
    }
}

/// What became of an attempt to end something.
enum Answer {
    Done,
    Refused,
    Lost,
}

impl Worker {
    /// Works under one identity until its lease has ended.
    async fn live_one_life(&mut self) {
        let id = WorkerId::random();
        let registered = register_worker(&self.pool, id, "chaos", LEASE);
        if !matches!(timeout(PATIENCE, registered).await, Ok(Ok(()))) {
            return sleep(PAUSE).await;
        }
        let mut renewed = Instant::now();
        let mut may_have_strays = false;
        while self.answered.elapsed() < FORSAKEN {
            if renewed.elapsed() > LEASE / 4 {
                match timeout(PATIENCE, renew_lease(&self.pool, id, LEASE)).await {
                    Ok(Ok(true)) => renewed = Instant::now(),
                    Ok(Ok(false)) => return,
                    Ok(Err(_)) | Err(_) => {}
                }
            }
            if may_have_strays {
                let put_back = timeout(PATIENCE, put_back_strays(&self.pool, &self.queue, id, &[])).await;
                if !matches!(put_back, Ok(Ok(_))) {
                    sleep(PAUSE).await;
                    continue;
                }
            }
            match timeout(PATIENCE, claim(&self.pool, &self.queue, ROOM, id)).await {
                Ok(Ok(claimed)) if claimed.jobs.is_empty() => {
                    self.answered = Instant::now();
                    timeout(PATIENCE, promote(&self.pool, &self.queue)).await.ok();
                    // A claim without an answer may take effect after the strays were looked for.
                    may_have_strays = true;
                    sleep(WORK).await;
                }
                Ok(Ok(claimed)) => {
                    self.answered = Instant::now();
                    may_have_strays = !self.run(&claimed.jobs).await;
                }
                Ok(Err(_)) | Err(_) => {
                    may_have_strays = true;
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn record(&mut self, events: impl IntoIterator<Item = Event>) {
        let events: Vec<Event> = events.into_iter().collect();
        self.log.record(&events).unwrap();
    }

    /// `false` when some of the jobs may still be claimed.
    async fn run(&mut self, jobs: &[ClaimedJob]) -> bool {
        self.record(jobs.iter().map(|job| Event::Claimed {
            claim: job.lease.claim.0,
            attempt: attempt(job),
        }));
        sleep(WORK).await;
        let mut is_settled = true;
        let mut completed = Vec::new();
        for job in jobs {
            let way = Way::of(job);
            if way.has_effect() {
                self.record([Event::Effect { attempt: attempt(job) }]);
            }
            match way {
                Way::CompleteTogether => completed.push(job.clone()),
                way => is_settled &= self.settle(std::slice::from_ref(job), way).await,
            }
        }
        if !completed.is_empty() {
            is_settled &= self.settle(&completed, Way::CompleteTogether).await;
        }
        is_settled
    }

    /// Asks until there is an answer, a few times. `false` when there was none.
    async fn settle(&mut self, jobs: &[ClaimedJob], way: Way) -> bool {
        let outcome = way.outcome(&jobs[0]);
        self.record(jobs.iter().map(|job| Event::Settling {
            outcome,
            attempt: attempt(job),
        }));
        for _ in 0..3 {
            let answers = timeout(PATIENCE, ask(&self.pool, jobs, way)).await;
            let answers = answers.unwrap_or_else(|_| jobs.iter().map(|_| Answer::Lost).collect());
            let is_lost = answers.iter().any(|answer| matches!(answer, Answer::Lost));
            self.record(jobs.iter().zip(answers).map(|(job, answer)| {
                let attempt = attempt(job);
                match answer {
                    Answer::Done => Event::Settled { outcome, attempt },
                    Answer::Refused => Event::Refused { outcome, attempt },
                    Answer::Lost => Event::Unanswered { outcome, attempt },
                }
            }));
            if !is_lost {
                return true;
            }
            sleep(PAUSE).await;
        }
        false
    }
}

/// How a job is to end, told from its number so that all ways are gone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    CompleteTogether,
    CompleteInTransaction,
    Discard,
    Retry,
    Snooze,
    HandBack,
}

impl Way {
    fn of(job: &ClaimedJob) -> Self {
        match job.lease.job.0 % 10 {
            1 => Self::CompleteInTransaction,
            3 if job.tries == 1 => Self::Retry,
            5 if job.lease.attempt == 1 => Self::Snooze,
            7 if job.lease.job.0 % 4 == 1 => Self::Discard,
            9 if job.lease.attempt == 1 => Self::HandBack,
            _ => Self::CompleteTogether,
        }
    }

    fn has_effect(self) -> bool {
        matches!(self, Self::CompleteTogether | Self::CompleteInTransaction)
    }

    fn outcome(self, job: &ClaimedJob) -> Outcome {
        match self {
            Self::CompleteTogether | Self::CompleteInTransaction => Outcome::Completed,
            Self::Discard => Outcome::Discarded,
            Self::Retry if job.is_last_try() => Outcome::Discarded,
            Self::Retry => Outcome::Retried,
            Self::Snooze => Outcome::Snoozed,
            Self::HandBack => Outcome::HandedBack,
        }
    }
}

async fn ask(pool: &PgPool, jobs: &[ClaimedJob], way: Way) -> Vec<Answer> {
    let every = |answer: fn() -> Answer| jobs.iter().map(|_| answer()).collect();
    let job = &jobs[0];
    let lease = job.lease;
    if way == Way::CompleteInTransaction {
        let Ok(mut transaction) = pool.begin().await else {
            return every(|| Answer::Lost);
        };
        let completed = complete(&mut transaction, lease).await;
        return match (completed, transaction.commit().await) {
            (Err(QueueError::LeaseLost(_)), _) => every(|| Answer::Refused),
            (Ok(()), Ok(())) => every(|| Answer::Done),
            _ => every(|| Answer::Lost),
        };
    }
    let Ok(mut connection) = pool.acquire().await else {
        return every(|| Answer::Lost);
    };
    let settled = match way {
        Way::CompleteTogether => {
            let leases: Vec<Lease> = jobs.iter().map(|job| job.lease).collect();
            return match complete_all(&mut connection, &leases).await {
                Ok(lost) => leases
                    .iter()
                    .map(|lease| {
                        if lost.contains(lease) {
                            Answer::Refused
                        } else {
                            Answer::Done
                        }
                    })
                    .collect(),
                Err(_) => every(|| Answer::Lost),
            };
        }
        Way::CompleteInTransaction => complete(&mut connection, lease).await,
        Way::Discard => discard(&mut connection, lease, "it never will").await,
        Way::Retry => retry(&mut connection, job, PAUSE, "not this time").await.map(drop),
        Way::Snooze => snooze(&mut connection, lease, PAUSE).await.map(drop),
        Way::HandBack => hand_back(&mut connection, lease).await.map(drop),
    };
    match settled {
        Ok(()) => every(|| Answer::Done),
        Err(QueueError::LeaseLost(_)) => every(|| Answer::Refused),
        Err(_) => every(|| Answer::Lost),
    }
}

fn attempt(job: &ClaimedJob) -> Attempt {
    Attempt {
        job: job.lease.job.0,
        attempt: job.lease.attempt,
        worker: job.lease.worker.to_string(),
    }
}
