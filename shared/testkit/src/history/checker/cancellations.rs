//! Jobs that somebody wanted to end.

use std::collections::{BTreeMap, BTreeSet};

use super::{FinalState, Outcome, Story};

/// What the logs say about them.
#[derive(Debug, Default)]
pub(super) struct Cancellations<'a> {
    asked: BTreeSet<i64>,
    confirmed: BTreeMap<i64, Confirmed<'a>>,
}

#[derive(Debug)]
struct Confirmed<'a> {
    attempt: i32,
    was_running: bool,
    place: &'a str,
}

impl<'a> Cancellations<'a> {
    pub(super) fn ask(&mut self, job: i64) {
        self.asked.insert(job);
    }

    /// Only the first counts: asking again changes nothing.
    pub(super) fn confirm(&mut self, job: i64, attempt: i32, was_running: bool, place: &'a str) {
        self.confirmed.entry(job).or_insert(Confirmed {
            attempt,
            was_running,
            place,
        });
    }
}

impl Story<'_> {
    /// Who was confirmed to be cancelled is so, or was completed or discarded by the attempt that was under way; and nobody
    /// else is.
    pub(super) fn judge_cancellations(&mut self, state: &FinalState) {
        for job in &state.jobs {
            let id = job.job;
            let last = self.endings.get(&(id, job.attempt)).map(|ending| ending.outcome);
            let is_cancelled = job.state == "cancelled";
            let gave_itself_up = last == Some(Outcome::Cancelled);
            if is_cancelled && !gave_itself_up && !self.cancellations.asked.contains(&id) {
                self.breaches
                    .push(format!("job {id}: it was cancelled, and nobody asked for that"));
            }
            let Some(confirmed) = self.cancellations.confirmed.get(&id) else {
                continue;
            };
            let Confirmed {
                attempt,
                was_running,
                place,
            } = *confirmed;
            if was_running {
                self.summary.cancelled_running += 1;
            } else {
                self.summary.cancelled_waiting += 1;
            }
            if job.attempt != attempt {
                self.breaches.push(format!(
                    "job {id}: its cancellation was confirmed at attempt {attempt} at {place}, but it was claimed again: it is at \
                     attempt {}",
                    job.attempt
                ));
            }
            let may_be = is_cancelled || (was_running && matches!(job.state.as_str(), "completed" | "discarded"));
            if !may_be {
                self.breaches.push(format!(
                    "job {id}: its cancellation was confirmed at {place}, but it is {} in the end",
                    job.state
                ));
            }
        }
    }
}
