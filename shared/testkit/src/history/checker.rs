//! Whether the logs and the database tell one story, and a legal one.

mod cancellations;
mod effects;
mod summary;

use std::collections::{BTreeMap, BTreeSet, btree_map};

use super::{Attempt, Ending, Entry, Event, FinalJob, FinalState, Outcome};

pub use summary::Summary;

use cancellations::Cancellations;

/// Checks that every accepted job reached exactly one final state, by legal steps, with attempts that grow by one; that no
/// stale worker ended anything and no attempt ended twice; that what was confirmed to a worker is what the database has;
/// that a job that was cancelled is never claimed again; and that nothing is there which nobody offered.
///
/// Of effects it checks what a queue can promise:
///
/// - On the database, had in a transaction that holds the claim: each lies between the claim of its attempt and that
///   attempt's end, however it ended, and before the next claim of the job. So a worker that has lost its lease has none,
///   even if it does not know yet. Each attempt has one at most. A later attempt of the same job may have another one,
///   unless the effect and the completion are one transaction: of these each job has exactly one, or none if it was not
///   completed so. Before and after are the database's: its sequence, and its clock under the lock of the claim, so the
///   clock must not be set back while the story goes on.
/// - Outside of the database nothing can be fenced: a worker that froze after its last look goes on where it was, whoever
///   has the job now. Checked is only that it had claimed the job, that it does not begin once it was told that the job is
///   over for it, and that nothing is completed without. How often a job had more than one is counted.
///
/// # Errors
///
/// A sentence for each breach, with the job and the event.
pub fn check(log: &[Entry], state: &FinalState) -> Result<Summary, Vec<String>> {
    let mut story = Story::default();
    story.hear_database(state);
    for entry in log {
        story.hear(entry);
    }
    story.judge_jobs(state);
    story.judge_attempts();
    story.judge_effects(state);
    story.judge_cancellations(state);
    if story.breaches.is_empty() {
        Ok(story.summary)
    } else {
        Err(story.breaches)
    }
}

/// Job and attempt.
type Try = (i64, i32);

/// What the logs say about one attempt.
#[derive(Debug, Default)]
struct Told {
    claimed: Option<(i64, String, String)>,
    has_effect: bool,
    settled: Option<(Outcome, String)>,
    settling: Vec<Outcome>,
    is_unanswered: bool,
    refused: Option<(Outcome, String)>,
}

#[derive(Debug, Default)]
struct Story<'a> {
    offers: BTreeSet<i64>,
    accepted: BTreeMap<i64, (i64, &'a str)>,
    told: BTreeMap<Try, Told>,
    endings: BTreeMap<Try, &'a Ending>,
    with_effect: BTreeSet<i64>,
    final_settles: BTreeMap<i64, (i32, &'a str)>,
    cancellations: Cancellations<'a>,
    summary: Summary,
    breaches: Vec<String>,
}

impl<'a> Story<'a> {
    fn hear_database(&mut self, state: &'a FinalState) {
        for ending in &state.endings {
            let Attempt { job, attempt, .. } = ending.attempt;
            *self.summary.endings.entry(ending.outcome.as_str()).or_default() += 1;
            match self.endings.entry((job, attempt)) {
                btree_map::Entry::Vacant(free) => {
                    free.insert(ending);
                }
                btree_map::Entry::Occupied(first) => self.breaches.push(format!(
                    "job {job}: attempt {attempt} ended twice in the database, as {} in claim {} and as {} in claim {}",
                    first.get().outcome,
                    first.get().claim,
                    ending.outcome,
                    ending.claim
                )),
            }
        }
    }

    fn hear(&mut self, Entry { place, event }: &'a Entry) {
        match event {
            Event::Offered { offer } => {
                if !self.offers.insert(*offer) {
                    self.breaches
                        .push(format!("offer {offer} was made twice, again at {place}"));
                }
            }
            Event::Accepted { offer, job } => {
                if let Some((_, before)) = self.accepted.insert(*job, (*offer, place)) {
                    self.breaches
                        .push(format!("job {job}: accepted twice, at {before} and at {place}"));
                }
            }
            Event::Claimed { claim, attempt } => self.hear_claimed(*claim, attempt, place),
            Event::Effect { attempt } => {
                let told = self.told.entry((attempt.job, attempt.attempt)).or_default();
                told.has_effect = true;
                let is_over = told.refused.as_ref().or(told.settled.as_ref());
                if let Some((outcome, before)) = is_over {
                    self.breaches.push(format!(
                        "job {}: worker {} has an effect for attempt {} at {place}, though its end as {outcome} was answered at {before}",
                        attempt.job, attempt.worker, attempt.attempt
                    ));
                }
                if told
                    .claimed
                    .as_ref()
                    .is_none_or(|(_, worker, _)| *worker != attempt.worker)
                {
                    self.breaches.push(format!(
                        "job {}: worker {} has an effect for attempt {} at {place}, which it never claimed",
                        attempt.job, attempt.worker, attempt.attempt
                    ));
                }
                if !self.with_effect.insert(attempt.job) {
                    self.summary.repeated_effects += 1;
                }
            }
            Event::Settled { outcome, attempt } => self.hear_settled(*outcome, attempt, place),
            Event::Settling { outcome, attempt } => {
                let told = self.told.entry((attempt.job, attempt.attempt)).or_default();
                told.settling.push(*outcome);
            }
            Event::Unanswered { attempt, .. } => {
                self.summary.unanswered += 1;
                let told = self.told.entry((attempt.job, attempt.attempt)).or_default();
                told.is_unanswered = true;
            }
            Event::Refused { outcome, attempt } => {
                self.summary.refused += 1;
                let told = self.told.entry((attempt.job, attempt.attempt)).or_default();
                told.refused = Some((*outcome, place.clone()));
            }
            Event::Cancelling { job } => self.cancellations.ask(*job),
            Event::Cancelled {
                job,
                attempt,
                was_running,
            } => self.cancellations.confirm(*job, *attempt, *was_running, place),
            Event::Killed { .. } => self.summary.killed += 1,
            Event::Stopped { .. } => self.summary.stopped += 1,
            Event::Continued { .. } => {}
            Event::Disturbed { .. } => self.summary.disturbed += 1,
        }
    }

    fn hear_claimed(&mut self, claim: i64, attempt: &Attempt, place: &str) {
        let told = self.told.entry((attempt.job, attempt.attempt)).or_default();
        if let Some((_, worker, before)) = &told.claimed {
            self.breaches.push(format!(
                "job {}: attempt {} was claimed twice, by worker {worker} at {before} and by worker {} at {place}",
                attempt.job, attempt.attempt, attempt.worker
            ));
        }
        told.claimed = Some((claim, attempt.worker.clone(), place.to_owned()));
        match self.endings.get(&(attempt.job, attempt.attempt)) {
            Some(ending) if ending.claim == claim && ending.attempt.worker == attempt.worker => {}
            Some(ending) => self.breaches.push(format!(
                "job {}: attempt {} was claimed by worker {} in claim {claim} at {place}, but the database gave it to worker {} in claim {}",
                attempt.job, attempt.attempt, attempt.worker, ending.attempt.worker, ending.claim
            )),
            None => self.breaches.push(format!(
                "job {}: attempt {} was claimed by worker {} at {place}, but has no end in the database",
                attempt.job, attempt.attempt, attempt.worker
            )),
        }
    }

    fn hear_settled(&mut self, outcome: Outcome, attempt: &Attempt, place: &'a str) {
        let Attempt {
            job,
            attempt: number,
            worker,
        } = attempt;
        if outcome.is_final()
            && let Some((first, before)) = self.final_settles.insert(*job, (*number, place))
        {
            self.breaches.push(format!(
                "job {job}: its end was confirmed twice, for attempt {first} at {before} and for attempt {number} at {place}"
            ));
        }
        let told = self.told.entry((*job, *number)).or_default();
        if let Some((before, at)) = &told.settled {
            self.breaches.push(format!(
                "job {job}: attempt {number} was settled as {before} at {at} and as {outcome} at {place}"
            ));
        }
        told.settled = Some((outcome, place.to_owned()));
        match self.endings.get(&(*job, *number)) {
            Some(ending) if ending.outcome == outcome && ending.attempt.worker == *worker => {}
            Some(ending) => self.breaches.push(format!(
                "job {job}: attempt {number} was settled as {outcome} by worker {worker} at {place}, but the database ended it as {} \
                 for worker {}",
                ending.outcome, ending.attempt.worker
            )),
            None => self.breaches.push(format!(
                "job {job}: attempt {number} was settled as {outcome} by worker {worker} at {place}, but has no end in the database"
            )),
        }
    }

    /// Every accepted job has one final state, and every job was offered once.
    fn judge_jobs(&mut self, state: &'a FinalState) {
        let mut jobs: BTreeMap<i64, Vec<&FinalJob>> = self.accepted.keys().map(|job| (*job, Vec::new())).collect();
        let mut takers: BTreeMap<i64, i64> = BTreeMap::new();
        for job in &state.jobs {
            jobs.entry(job.job).or_default().push(job);
        }
        for (id, found) in jobs {
            let accepted = self.accepted.get(&id).copied();
            match (&found[..], accepted) {
                ([], Some((offer, place))) => {
                    self.breaches.push(format!(
                        "job {id}: accepted for offer {offer} at {place}, and lost: the database has no such job"
                    ));
                }
                ([job], _) => {
                    self.judge_offer(job, accepted, &mut takers);
                    self.judge_path(job);
                }
                (several, _) => {
                    let states: Vec<&str> = several.iter().map(|job| job.state.as_str()).collect();
                    self.breaches.push(format!(
                        "job {id}: it is in several states at once: {}",
                        states.join(", ")
                    ));
                }
            }
        }
        self.summary.accepted = self.accepted.len();
        self.summary.unanswered_enqueues = state.jobs.len().saturating_sub(self.accepted.len());
    }

    fn judge_offer(&mut self, job: &FinalJob, accepted: Option<(i64, &str)>, takers: &mut BTreeMap<i64, i64>) {
        let id = job.job;
        let Some(offer) = job.offer.filter(|offer| self.offers.contains(offer)) else {
            self.breaches
                .push(format!("job {id}: it was invented: nobody offered it"));
            return;
        };
        if let Some((expected, place)) = accepted.filter(|(expected, _)| *expected != offer) {
            self.breaches.push(format!(
                "job {id}: accepted for offer {expected} at {place}, but the database has it with the arguments of offer {offer}"
            ));
        }
        if let Some(other) = takers.insert(offer, id) {
            self.breaches
                .push(format!("job {id}: offer {offer} was taken twice, also as job {other}"));
        }
    }

    /// From its first attempt to its last, each ended in a way that leads to the next, the last in the job's state.
    fn judge_path(&mut self, job: &FinalJob) {
        let id = job.job;
        *self.summary.states.entry(job.state.clone()).or_default() += 1;
        let path: Vec<&Ending> = self
            .endings
            .range((id, i32::MIN)..=(id, i32::MAX))
            .map(|(_, ending)| *ending)
            .collect();
        let numbers: Vec<i32> = path.iter().map(|ending| ending.attempt.attempt).collect();
        if !numbers.iter().copied().eq(1..=job.attempt) {
            self.breaches.push(format!(
                "job {id}: it is at attempt {}, but the attempts that ended are {numbers:?}",
                job.attempt
            ));
        }
        for pair in path.windows(2) {
            let [before, after] = pair else { continue };
            if before.outcome.is_final() {
                self.breaches.push(format!(
                    "job {id}: it was claimed again as attempt {} after attempt {} had ended as {}",
                    after.attempt.attempt, before.attempt.attempt, before.outcome
                ));
            }
            if before.claim >= after.claim {
                self.breaches.push(format!(
                    "job {id}: attempt {} is of claim {}, which is not later than claim {} of attempt {}",
                    after.attempt.attempt, after.claim, before.claim, before.attempt.attempt
                ));
            }
        }
        let last = path.last().map(|ending| ending.outcome);
        let is_legal = match (job.state.as_str(), last) {
            ("completed", Some(Outcome::Completed))
            | ("discarded", Some(Outcome::Discarded | Outcome::Lost))
            | ("cancelled", Some(Outcome::Cancelled)) => true,
            ("expired" | "cancelled", last) => last.is_none_or(|last| !last.is_final()),
            _ => false,
        };
        if !is_legal {
            let last = last.map_or("it was never claimed".to_owned(), |last| {
                format!("its last attempt ended as {last}")
            });
            self.breaches
                .push(format!("job {id}: its state in the end is {}, and {last}", job.state));
        }
        let tries = job.attempt - job.interruptions;
        let is_used_up = tries == job.max_attempts;
        if tries > job.max_attempts || (job.state == "discarded" && last == Some(Outcome::Lost) && !is_used_up) {
            self.breaches.push(format!(
                "job {id}: it was tried {tries} times and had {} tries, but is {} in the end",
                job.max_attempts, job.state
            ));
        }
        let count = |outcomes: &[Outcome]| path.iter().filter(|ending| outcomes.contains(&ending.outcome)).count();
        let interrupted = count(&[Outcome::Snoozed, Outcome::HandedBack]);
        // One that was cancelled while it ran ended where its last attempt did, which did not have to be counted any more.
        let is_last_uncounted =
            job.state == "cancelled" && matches!(last, Some(Outcome::Snoozed | Outcome::HandedBack));
        let counted = usize::try_from(job.interruptions).unwrap_or(usize::MAX);
        if counted != interrupted && !(is_last_uncounted && counted + 1 == interrupted) {
            self.breaches.push(format!(
                "job {id}: it counts {} interruptions, but {interrupted} of its attempts were interrupted",
                job.interruptions
            ));
        }
        let failed = count(&[Outcome::Retried, Outcome::Lost, Outcome::Discarded]);
        // Whoever calls a job off may leave a word of why.
        if job.state != "cancelled" && usize::try_from(job.errors) != Ok(failed) {
            self.breaches.push(format!(
                "job {id}: it keeps {} errors, but {failed} of its attempts failed",
                job.errors
            ));
        }
    }

    /// What the database has of an attempt is what its worker did or tried, and what a worker was refused did not happen.
    fn judge_attempts(&mut self) {
        let untold = Told::default();
        for ((job, number), ending) in &self.endings {
            let told = self.told.get(&(*job, *number)).unwrap_or(&untold);
            if told.claimed.is_none() {
                self.summary.unheard_claims += 1;
            }
            let outcome = ending.outcome;
            let worker = &ending.attempt.worker;
            let is_by_worker = !matches!(outcome, Outcome::Lost | Outcome::HandedBack | Outcome::Cancelled);
            if is_by_worker && told.claimed.is_none() {
                self.breaches.push(format!(
                    "job {job}: attempt {number} ended as {outcome} for worker {worker}, which never heard of it"
                ));
            } else if is_by_worker && !told.settling.contains(&outcome) {
                self.breaches.push(format!(
                    "job {job}: attempt {number} ended as {outcome} for worker {worker}, which never asked for that"
                ));
            }
            if let Some((refused, place)) = &told.refused
                && is_by_worker
                && !told.is_unanswered
            {
                self.breaches.push(format!(
                    "job {job}: attempt {number} ended as {outcome} for worker {worker}, to which its end as {refused} was refused at {place}"
                ));
            }
            if outcome == Outcome::Completed && !told.has_effect {
                self.breaches
                    .push(format!("job {job}: attempt {number} was completed without an effect"));
            }
        }
    }
}
