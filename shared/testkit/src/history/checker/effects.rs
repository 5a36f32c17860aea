//! Effects on the database.

use std::collections::BTreeSet;

use super::{FinalState, Outcome, Story};
use crate::history::FencedEffect;

impl Story<'_> {
    /// Each effect lies within its attempt, and each completed attempt has one.
    pub(super) fn judge_effects(&mut self, state: &FinalState) {
        let Some(effects) = &state.effects else { return };
        let (mut attempts, mut jobs) = (BTreeSet::new(), BTreeSet::new());
        let mut finals = BTreeSet::new();
        for effect in effects {
            let FencedEffect { job, attempt, .. } = *effect;
            self.judge_effect(effect);
            if !attempts.insert((job, attempt)) {
                self.breaches.push(format!(
                    "job {job}: attempt {attempt} has more than one effect on the database"
                ));
            }
            if !jobs.insert(job) {
                self.summary.repeated_fenced_effects += 1;
            }
            if effect.is_final && !finals.insert(job) {
                self.breaches.push(format!(
                    "job {job}: the effect that is one transaction with its completion was had twice"
                ));
            }
        }
        self.summary.fenced_effects = effects.len();
        self.summary.final_effects = finals.len();
        for ((job, attempt), ending) in &self.endings {
            if ending.outcome == Outcome::Completed && !attempts.contains(&(*job, *attempt)) {
                self.breaches.push(format!(
                    "job {job}: attempt {attempt} was completed without an effect on the database"
                ));
            }
        }
    }

    fn judge_effect(&mut self, effect: &FencedEffect) {
        let FencedEffect {
            number,
            claim,
            job,
            attempt,
            worker,
            is_final,
            made_at,
        } = effect;
        let Some(ending) = self.endings.get(&(*job, *attempt)) else {
            self.breaches.push(format!(
                "job {job}: worker {worker} had an effect on the database for attempt {attempt}, which has no end there"
            ));
            return;
        };
        if ending.claim != *claim || ending.attempt.worker != *worker {
            self.breaches.push(format!(
                "job {job}: worker {worker} had an effect on the database for attempt {attempt} in claim {claim}, but that attempt was \
                 worker {}'s in claim {}",
                ending.attempt.worker, ending.claim
            ));
        }
        if number <= claim {
            self.breaches.push(format!(
                "job {job}: worker {worker} had an effect on the database for attempt {attempt} before it claimed the job"
            ));
        }
        let next = self.endings.get(&(*job, attempt + 1));
        if let Some(next) = next.filter(|next| next.claim < *number) {
            self.breaches.push(format!(
                "job {job}: worker {worker} had an effect on the database for attempt {attempt} after worker {} had claimed the job",
                next.attempt.worker
            ));
        }
        if *made_at > ending.ended_at {
            self.breaches.push(format!(
                "job {job}: worker {worker} had an effect on the database for attempt {attempt} after that had ended as {}",
                ending.outcome
            ));
        }
        if *is_final && ending.outcome != Outcome::Completed {
            self.breaches.push(format!(
                "job {job}: an effect of attempt {attempt} was to be one transaction with its completion, but it ended as {}",
                ending.outcome
            ));
        }
    }
}
