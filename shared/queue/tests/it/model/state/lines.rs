//! The model as text, to be compared with what the database shows.

use std::collections::{BTreeMap, BTreeSet};

use super::{Claim, Dead, Job, Key, Model, Period, is_due};

impl Model {
    /// Every accepted job is in one place, and in one only.
    pub(in super::super) fn misplaced(&self) -> Option<String> {
        let mut places: BTreeMap<i64, Vec<&str>> = self.accepted.iter().map(|id| (*id, Vec::new())).collect();
        let running = self
            .claims
            .values()
            .flat_map(|claim| claim.jobs.iter().zip(&claim.open));
        let completed = self
            .claims
            .values()
            .chain(self.closed.values())
            .flat_map(Claim::completed);
        let all = (self.waiting.keys().map(|id| (*id, "waits")))
            .chain(
                running
                    .filter(|(_, is_open)| **is_open)
                    .map(|(job, _)| (job.id, "runs")),
            )
            .chain(completed.map(|job| (job.id, "is completed")))
            .chain(self.dead.keys().map(|id| (*id, "is dead")));
        for (id, place) in all {
            places.entry(id).or_default().push(place);
        }
        let wrong = places
            .into_iter()
            .find(|(id, places)| places.len() != 1 || !self.accepted.contains(id));
        wrong.map(|(id, places)| format!("job {id} is in {} places: {places:?}", places.len()))
    }

    /// One line for each thing there is, as `snapshot.sql` writes it.
    pub(in super::super) fn lines(&self) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        for job in self.waiting.values() {
            let state = match (is_due(job.run_at), job.attempt > job.interruptions) {
                (true, _) => "available",
                (false, true) => "retryable",
                (false, false) => "scheduled",
            };
            lines.insert(format!(
                "waiting {} {state} rank {} ready {} suspect {} not_after {} key {}",
                job.line(),
                job.rank().0,
                job.is_ready,
                job.is_suspect,
                job.not_after.map_or("-".to_owned(), |not_after| not_after.to_string()),
                job.key.as_deref().unwrap_or("-")
            ));
        }
        for (id, claim) in &self.claims {
            let has_keys = claim.jobs.iter().any(|job| job.key.is_some());
            lines.insert(format!(
                "claim {} open {} keys {has_keys}",
                claim.line(*id),
                bits(&claim.open)
            ));
            let running = claim.jobs.iter().zip(&claim.open).filter(|(_, is_open)| **is_open);
            lines.extend(running.map(|(job, _)| format!("running {} w{}", job.line(), claim.worker)));
        }
        lines.extend(
            self.closed
                .iter()
                .map(|(id, claim)| format!("closed {}", claim.line(*id))),
        );
        let completed = self
            .claims
            .values()
            .chain(self.closed.values())
            .flat_map(Claim::completed);
        lines.extend(completed.map(|job| format!("history {} completed ran true", job.line())));
        for Dead {
            job,
            state,
            reason,
            has_run,
        } in self.dead.values()
        {
            lines.insert(format!("history {} {state} ran {has_run}", job.line()));
            lines.insert(format!("dead {} {state} {reason}", job.id));
        }
        for (
            key,
            Key {
                job,
                held_until,
                period,
            },
        ) in &self.keys
        {
            let period = match period {
                None => "-",
                Some(Period::Runs) => "runs",
                Some(Period::Over) => "over",
            };
            lines.insert(format!(
                "key {key} of {job} until {} period {period}",
                held_until.unwrap_or("-")
            ));
        }
        lines.extend(
            self.workers
                .iter()
                .map(|(worker, lease_runs)| format!("worker w{worker} lease {lease_runs}")),
        );
        lines.extend(self.paused.iter().map(|queue| format!("paused q{queue}")));
        lines
    }
}

impl Job {
    fn line(&self) -> String {
        format!(
            "{} q{} {} priority {} run_at {} attempt {} interruptions {} of {} errors [{}]",
            self.id,
            self.queue,
            self.args,
            self.priority,
            self.run_at,
            self.attempt,
            self.interruptions,
            self.max_attempts,
            self.errors.join(", ")
        )
    }
}

impl Claim {
    fn line(&self, id: i64) -> String {
        let jobs: Vec<String> = self.jobs.iter().map(|job| job.id.to_string()).collect();
        let endings: Vec<String> = self
            .endings
            .iter()
            .map(|(outcome, places)| format!("{outcome} {}", bits(places)))
            .collect();
        let (first, last) = (
            self.jobs.iter().map(|job| job.id).min(),
            self.jobs.iter().map(|job| job.id).max(),
        );
        format!(
            "{id} q{} w{} jobs {} of {}-{} endings [{}]",
            self.queue,
            self.worker,
            jobs.join(","),
            first.unwrap_or(0),
            last.unwrap_or(0),
            endings.join(", ")
        )
    }
}

fn bits(places: &[bool]) -> String {
    places.iter().map(|place| if *place { '1' } else { '0' }).collect()
}
