//! The state machine of the queue in a few maps: what the SQL must do, said once more and without SQL.

mod lines;

use std::collections::{BTreeMap, BTreeSet};

use super::operation::{NewJobs, Unique};

/// Times are microseconds from the instant at which the sequence began.
pub(super) const MINUTE: i64 = 60_000_000;

pub(super) const LOST: &str = "the worker was lost while it ran this job";

#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) id: i64,
    queue: usize,
    args: String,
    priority: i16,
    pub(super) run_at: i64,
    pub(super) attempt: i32,
    pub(super) interruptions: i32,
    pub(super) max_attempts: i32,
    errors: Vec<String>,
    pub(super) is_suspect: bool,
    pub(super) not_after: Option<i64>,
    key: Option<String>,
    pub(super) is_ready: bool,
}

impl Job {
    fn rank(&self) -> (i64, i64) {
        (self.run_at - i64::from(self.priority) * MINUTE, self.id)
    }

    fn is_last_try(&self) -> bool {
        self.attempt - self.interruptions >= self.max_attempts
    }

    fn fail(&mut self, error: &str) {
        self.errors.push(format!("{}: {error}", self.attempt));
    }
}

#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) queue: usize,
    pub(super) worker: usize,
    pub(super) jobs: Vec<Job>,
    pub(super) open: Vec<bool>,
    endings: Vec<(&'static str, Vec<bool>)>,
}

impl Claim {
    fn completed(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().enumerate().filter_map(|(place, job)| {
            let is_completed = |(outcome, places): &(&str, Vec<bool>)| *outcome == "completed" && places[place];
            self.endings.iter().any(is_completed).then_some(job)
        })
    }
}

#[derive(Debug, Clone)]
struct Dead {
    job: Job,
    state: &'static str,
    reason: String,
    has_run: bool,
}

#[derive(Debug, Clone)]
struct Key {
    job: i64,
    held_until: Option<&'static str>,
    period: Option<Period>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Runs,
    Over,
}

impl Key {
    fn is_free(&self) -> bool {
        self.held_until.is_none() && self.period != Some(Period::Runs)
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    accepted: BTreeSet<i64>,
    pub(super) waiting: BTreeMap<i64, Job>,
    pub(super) claims: BTreeMap<i64, Claim>,
    closed: BTreeMap<i64, Claim>,
    dead: BTreeMap<i64, Dead>,
    keys: BTreeMap<String, Key>,
    /// Whether the lease of a registered worker still runs.
    pub(super) workers: BTreeMap<usize, bool>,
    pub(super) paused: BTreeSet<usize>,
}

impl Model {
    /// Gives the id and whether it is new for each job: its own of `ids`, or that of the job which holds its key.
    pub(super) fn enqueue(&mut self, new: &NewJobs, keys: &[Option<String>], ids: &[i64]) -> Vec<(i64, bool)> {
        let mut answers = Vec::new();
        for ((limit, key), id) in new.limits.iter().zip(keys).zip(ids) {
            let held = key
                .as_ref()
                .and_then(|key| self.keys.get(key))
                .filter(|key| !key.is_free());
            if let Some(held) = held {
                answers.push((held.job, false));
                continue;
            }
            if let (Some(key), Some(unique)) = (key, new.unique) {
                self.keys.insert(key.clone(), hold(*id, unique));
            }
            let run_at = new.run_in * MINUTE;
            self.accepted.insert(*id);
            self.waiting.insert(
                *id,
                Job {
                    id: *id,
                    queue: new.queue,
                    args: args(*limit),
                    priority: new.priority,
                    run_at,
                    attempt: 0,
                    interruptions: 0,
                    max_attempts: new.max_attempts.unwrap_or(3),
                    errors: Vec::new(),
                    is_suspect: false,
                    not_after: new.has_not_after.then_some(120 * MINUTE),
                    key: key.clone(),
                    is_ready: is_due(run_at),
                },
            );
            answers.push((*id, true));
        }
        answers
    }

    /// One job with nothing but defaults, due at `run_at`.
    pub(super) fn enqueue_now(&mut self, queue: usize, id: i64, run_at: i64) {
        let new = NewJobs {
            queue,
            limits: vec![None],
            run_in: 0,
            priority: 0,
            max_attempts: None,
            has_not_after: false,
            unique: None,
            is_committed: true,
        };
        self.enqueue(&new, &[None], &[id]);
        if let Some(job) = self.waiting.get_mut(&id) {
            job.run_at = run_at;
        }
    }

    /// What a claim takes, in its order. Those past their `not_after` die, the others are the caller's to
    /// [keep](Self::keep).
    pub(super) fn take(&mut self, worker: usize, queue: usize, most: u16, takes_suspect: bool) -> Vec<Job> {
        if self.workers.get(&worker) != Some(&true) || self.paused.contains(&queue) {
            return Vec::new();
        }
        let mut ready: Vec<Job> = self
            .waiting
            .values()
            .filter(|job| job.queue == queue && job.is_ready)
            .cloned()
            .collect();
        ready.sort_by_key(Job::rank);
        let suspect = ready
            .iter()
            .find(|job| job.is_suspect && takes_suspect && most > 0)
            .map(|job| job.id);
        let others = usize::from(most) - usize::from(suspect.is_some());
        let plain: Vec<i64> = ready
            .iter()
            .filter(|job| !job.is_suspect)
            .map(|job| job.id)
            .take(others)
            .collect();
        ready.retain(|job| Some(job.id) == suspect || plain.contains(&job.id));
        let mut taken = Vec::new();
        for mut job in ready {
            self.waiting.remove(&job.id);
            let is_expired = job.not_after.is_some_and(|not_after| not_after <= 0);
            if is_expired || self.key_of(&job).is_some_and(|key| key.held_until == Some("claim")) {
                self.free(&job);
            }
            if is_expired {
                let has_run = false;
                self.bury(job, "expired", "it was not started by its not_after", has_run);
            } else {
                job.attempt += 1;
                taken.push(job);
            }
        }
        taken
    }

    pub(super) fn keep(&mut self, claim: i64, worker: usize, queue: usize, jobs: Vec<Job>) {
        let open = vec![true; jobs.len()];
        self.claims.insert(
            claim,
            Claim {
                queue,
                worker,
                jobs,
                open,
                endings: Vec::new(),
            },
        );
    }

    pub(super) fn holds(&self, worker: usize, claim: i64, place: usize) -> bool {
        self.claims
            .get(&claim)
            .is_some_and(|claim| claim.worker == worker && claim.open[place])
    }

    /// The jobs at `places` of the claim, if they are `worker`'s to end.
    fn end(&mut self, worker: usize, claim: i64, places: &[usize], outcome: &'static str) -> Option<Vec<Job>> {
        if !places.iter().all(|place| self.holds(worker, claim, *place)) {
            return None;
        }
        let claimed = self.claims.get_mut(&claim)?;
        for place in places {
            claimed.open[*place] = false;
        }
        let ended = (0..claimed.jobs.len()).map(|place| places.contains(&place)).collect();
        claimed.endings.push((outcome, ended));
        let jobs = places.iter().map(|place| claimed.jobs[*place].clone()).collect();
        if !claimed.open.contains(&true)
            && let Some(over) = self.claims.remove(&claim)
        {
            self.closed.insert(claim, over);
        }
        Some(jobs)
    }

    pub(super) fn complete(&mut self, worker: usize, claim: i64, places: &[usize]) -> bool {
        let ended = self.end(worker, claim, places, "completed");
        ended.iter().flatten().for_each(|job| self.free(job));
        ended.is_some()
    }

    pub(super) fn discard(&mut self, worker: usize, claim: i64, place: usize, reason: &str) -> bool {
        let ended = self.end(worker, claim, &[place], "discarded");
        for mut job in ended.iter().flatten().cloned() {
            self.free(&job);
            job.fail(reason);
            self.bury(job, "discarded", reason, true);
        }
        ended.is_some()
    }

    /// `run_at` when it changes, `error` when it failed.
    pub(super) fn put_back(
        &mut self,
        worker: usize,
        claim: i64,
        place: usize,
        run_at: Option<i64>,
        error: Option<&str>,
    ) -> bool {
        let outcome = match (error, run_at) {
            (Some(_), _) => "retried",
            (None, Some(_)) => "snoozed",
            (None, None) => "handed_back",
        };
        let ended = self.end(worker, claim, &[place], outcome);
        for mut job in ended.iter().flatten().cloned() {
            match error {
                Some(error) => job.fail(error),
                None => job.interruptions += 1,
            }
            job.run_at = run_at.unwrap_or(job.run_at);
            job.is_ready = run_at.is_none();
            // A try that was seen through clears a suspicion; one that was interrupted says nothing.
            job.is_suspect &= outcome == "handed_back";
            self.waiting.insert(job.id, job);
        }
        ended.is_some()
    }

    /// The jobs that run in claims of `worker` from `queue` other than `in_hand`. Gives their number.
    pub(super) fn put_back_strays(&mut self, worker: usize, queue: usize, in_hand: &[i64]) -> u64 {
        let is_stray =
            |(id, claim): &(&i64, &Claim)| claim.worker == worker && claim.queue == queue && !in_hand.contains(id);
        let strays: Vec<i64> = self.claims.iter().filter(is_stray).map(|(id, _)| *id).collect();
        let mut number = 0;
        for claim in strays {
            let places = self.open_places(claim);
            for mut job in self.end(worker, claim, &places, "handed_back").into_iter().flatten() {
                job.interruptions += 1;
                job.is_ready = true;
                number += 1;
                self.waiting.insert(job.id, job);
            }
        }
        number
    }

    /// The claims whose workers are lost; just after a restart only those of workers that have no lease at all.
    pub(super) fn lost_claims(&self, just_restarted: bool) -> Vec<i64> {
        let is_lost = |claim: &Claim| match self.workers.get(&claim.worker) {
            None => true,
            Some(lease_runs) => !lease_runs && !just_restarted,
        };
        self.claims
            .iter()
            .filter(|(_, claim)| is_lost(claim))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Gives id, attempt and whether it was discarded, for each job of the claim that ran.
    pub(super) fn rescue(&mut self, claim: i64) -> Vec<(i64, i32, bool)> {
        let worker = self.claims[&claim].worker;
        let places = self.open_places(claim);
        let mut rescued = Vec::new();
        for mut job in self.end(worker, claim, &places, "lost").into_iter().flatten() {
            rescued.push((job.id, job.attempt, job.is_last_try()));
            job.fail(LOST);
            if job.is_last_try() {
                self.free(&job);
                self.bury(job, "discarded", &format!("{LOST}, on its last try"), true);
            } else {
                job.is_suspect = true;
                job.is_ready = true;
                self.waiting.insert(job.id, job);
            }
        }
        rescued
    }

    fn open_places(&self, claim: i64) -> Vec<usize> {
        let open = &self.claims[&claim].open;
        (0..open.len()).filter(|place| open[*place]).collect()
    }

    /// A worker whose lease has ended and that holds nothing.
    pub(super) fn forget_dead_workers(&mut self) -> usize {
        let before = self.workers.len();
        let holders: BTreeSet<usize> = self.claims.values().map(|claim| claim.worker).collect();
        self.workers
            .retain(|worker, lease_runs| *lease_runs || holders.contains(worker));
        before - self.workers.len()
    }

    /// A job that is due, or is waiting for somebody to see that it is, and that nothing keeps from running.
    pub(super) fn has_waiting(&self, queue: usize) -> bool {
        self.waiting
            .values()
            .any(|job| job.queue == queue && is_due(job.run_at) && job.not_after.is_none())
    }

    /// Gives the number of jobs that became ready.
    pub(super) fn promote(&mut self, queue: usize) -> u64 {
        let due = self
            .waiting
            .values_mut()
            .filter(|job| job.queue == queue && !job.is_ready && is_due(job.run_at));
        due.map(|job| job.is_ready = true).count().try_into().unwrap_or(0)
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.keys.keys().cloned().collect()
    }

    pub(super) fn pass_unique_for(&mut self, key: &str) {
        if let Some(key) = self.keys.get_mut(key) {
            key.period = key.period.map(|_| Period::Over);
        }
    }

    fn key_of(&self, job: &Job) -> Option<&Key> {
        self.keys.get(job.key.as_ref()?).filter(|key| key.job == job.id)
    }

    /// The job's hold on its key ends, if it has it.
    fn free(&mut self, job: &Job) {
        if let Some(key) = job.key.as_ref().and_then(|key| self.keys.get_mut(key))
            && key.job == job.id
        {
            key.held_until = None;
        }
    }

    fn bury(&mut self, job: Job, state: &'static str, reason: &str, has_run: bool) {
        self.dead.insert(
            job.id,
            Dead {
                job,
                state,
                reason: reason.to_owned(),
                has_run,
            },
        );
    }
}

/// An instant that is not minutes away is the instant of the enqueue.
fn is_due(run_at: i64) -> bool {
    run_at < 20 * MINUTE
}

pub(super) fn args(limit: Option<u8>) -> String {
    limit.map_or("{}".to_owned(), |limit| format!(r#"{{"limit": {limit}}}"#))
}

fn hold(job: i64, unique: Unique) -> Key {
    Key {
        job,
        held_until: match (unique.while_, unique.for_an_hour) {
            (Some("waiting"), _) => Some("claim"),
            (None, true) => None,
            _ => Some("end"),
        },
        period: unique.for_an_hour.then_some(Period::Runs),
    }
}
