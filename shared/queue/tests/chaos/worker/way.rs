//! The ways in which a job is ended.

use botticelli_queue::{
    ClaimedJob, Lease, QueueError, complete, complete_all, discard, hand_back, retry, settle_cancelled, snooze,
};
use botticelli_testkit::history::Outcome;
use serde_json::Value;

use super::{Answer, PAUSE, Step, Worker, note};

/// How a job is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Complete,
    CompleteInTransaction,
    Discard,
    Retry,
    Snooze,
    HandBack,
    /// As one that was called off.
    GiveUp,
}

impl Way {
    /// What a job can ask for in its arguments, and for its first attempt alone.
    pub(crate) const ASKED_FOR: [(Self, &str); 6] = [
        (Self::Complete, "complete"),
        (Self::CompleteInTransaction, "complete in transaction"),
        (Self::Discard, "discard"),
        (Self::Retry, "retry"),
        (Self::Snooze, "snooze"),
        (Self::HandBack, "hand back"),
    ];

    pub(crate) fn name(self) -> &'static str {
        let found = Self::ASKED_FOR.iter().find(|(way, _)| *way == self);
        found.map_or("give up", |(_, name)| name)
    }

    /// As the job asks for, or else told from its number so that all ways are gone.
    pub(super) fn of(job: &ClaimedJob) -> Self {
        let args: Value = serde_json::from_str(&job.args).unwrap();
        if let Some(asked) = args["way"].as_str() {
            let way = Self::ASKED_FOR.iter().find(|(_, name)| *name == asked).unwrap().0;
            return match way {
                Self::CompleteInTransaction => way,
                way if job.lease.attempt == 1 => way,
                _ => Self::Complete,
            };
        }
        match job.lease.job.0 % 10 {
            1 => Self::CompleteInTransaction,
            3 if job.tries == 1 => Self::Retry,
            5 if job.lease.attempt == 1 => Self::Snooze,
            7 if job.lease.job.0 % 4 == 1 => Self::Discard,
            9 if job.lease.attempt == 1 => Self::HandBack,
            _ => Self::Complete,
        }
    }

    /// One that was cancelled while it ran is given back, which ends it, or given up, which is the same.
    pub(super) fn of_cancelled(job: &ClaimedJob) -> Self {
        if job.lease.job.0 % 2 == 0 {
            Self::HandBack
        } else {
            Self::GiveUp
        }
    }

    pub(super) fn has_effect(self) -> bool {
        matches!(self, Self::Complete | Self::CompleteInTransaction)
    }

    pub(super) fn outcome(self, job: &ClaimedJob) -> Outcome {
        match self {
            Self::Complete | Self::CompleteInTransaction => Outcome::Completed,
            Self::Discard => Outcome::Discarded,
            Self::Retry if job.is_last_try() => Outcome::Discarded,
            Self::Retry => Outcome::Retried,
            Self::Snooze => Outcome::Snoozed,
            Self::HandBack => Outcome::HandedBack,
            Self::GiveUp => Outcome::Cancelled,
        }
    }
}

impl Worker {
    /// Asks the database to end jobs, once: several to be completed, or one. An answer for each.
    pub(super) async fn ask(&mut self, jobs: &[ClaimedJob], way: Way) -> Vec<Answer> {
        if way == Way::CompleteInTransaction {
            return vec![self.complete_in_transaction(jobs).await];
        }
        self.stop_before(Step::Settle).await;
        let every = |answer: fn() -> Answer| jobs.iter().map(|_| answer()).collect();
        let job = &jobs[0];
        let lease = job.lease;
        let Ok(mut connection) = self.pool.acquire().await else {
            return every(|| Answer::Lost);
        };
        let settled = match way {
            Way::Complete | Way::CompleteInTransaction => {
                let leases: Vec<Lease> = jobs.iter().map(|job| job.lease).collect();
                let Ok(lost) = complete_all(&mut connection, &leases).await else {
                    return every(|| Answer::Lost);
                };
                let is_lost = leases.iter().map(|lease| lost.contains(lease));
                return is_lost
                    .map(|is_lost| if is_lost { Answer::Refused } else { Answer::Done })
                    .collect();
            }
            Way::Discard => discard(&mut connection, lease, "it never will").await,
            Way::Retry => retry(&mut connection, job, PAUSE, "not this time").await.map(drop),
            Way::Snooze => snooze(&mut connection, lease, PAUSE).await.map(drop),
            Way::HandBack => hand_back(&mut connection, lease).await.map(drop),
            Way::GiveUp => settle_cancelled(&mut connection, lease, "called off").await,
        };
        every(match settled {
            Ok(()) => || Answer::Done,
            Err(QueueError::LeaseLost(_)) => || Answer::Refused,
            Err(_) => || Answer::Lost,
        })
    }

    /// The effect and the completion are committed together.
    async fn complete_in_transaction(&mut self, jobs: &[ClaimedJob]) -> Answer {
        let Ok(mut transaction) = botticelli_database::transaction(&self.pool).await else {
            return Answer::Lost;
        };
        if let Err(answer) = note(&mut transaction, jobs, true).await {
            return answer;
        }
        match complete(&mut transaction, jobs[0].lease).await {
            Ok(()) => {}
            Err(QueueError::LeaseLost(_)) => return Answer::Refused,
            Err(_) => return Answer::Lost,
        }
        self.stop_before(Step::Commit).await;
        match transaction.commit().await {
            Ok(()) => Answer::Done,
            Err(_) => Answer::Lost,
        }
    }
}
