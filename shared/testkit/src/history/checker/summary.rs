//! What there was.

use std::collections::BTreeMap;
use std::fmt;

/// What there was in a story that holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Jobs whose enqueue was confirmed.
    pub accepted: usize,
    /// Jobs that are there although the answer to their enqueue was lost.
    pub unanswered_enqueues: usize,
    /// Jobs by their final state.
    pub states: BTreeMap<String, usize>,
    /// Attempts by how they ended.
    pub endings: BTreeMap<&'static str, usize>,
    /// Attempts that their worker did not hear of: the claim's answer was lost, or the worker was killed.
    pub unheard_claims: usize,
    /// Effects outside of the database of jobs that had one before: what "at least once" costs.
    pub repeated_effects: usize,
    /// Effects on the database.
    pub fenced_effects: usize,
    /// Those of them that were one transaction with the completion of their job.
    pub final_effects: usize,
    /// Those of jobs that had one before, by an earlier attempt.
    pub repeated_fenced_effects: usize,
    /// Jobs whose cancellation was confirmed while they waited.
    pub cancelled_waiting: usize,
    /// Jobs whose cancellation was confirmed while they ran.
    pub cancelled_running: usize,
    /// Ends that were refused because the worker was stale.
    pub refused: usize,
    /// Ends whose answer was lost.
    pub unanswered: usize,
    /// Processes killed.
    pub killed: usize,
    /// Processes frozen.
    pub stopped: usize,
    /// Blows to the server and the network.
    pub disturbed: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counts: &mut dyn Iterator<Item = (&str, usize)>| -> String {
            counts
                .map(|(name, count)| format!("{count} {name}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        writeln!(
            f,
            "{} jobs accepted, and {} more of which the answer was lost: {}; 0 lost, 0 invented, 0 settled twice",
            self.accepted,
            self.unanswered_enqueues,
            list(&mut self.states.iter().map(|(name, count)| (name.as_str(), *count)))
        )?;
        writeln!(
            f,
            "{} attempts: {}; {} of them unknown to their worker",
            self.endings.values().sum::<usize>(),
            list(&mut self.endings.iter().map(|(name, count)| (*name, *count))),
            self.unheard_claims
        )?;
        writeln!(
            f,
            "{} effects on the database: 0 after a lost lease, {} repeated by a later attempt; {} of them in the transaction of a \
             completion: 0 repeated; {} effects outside of it repeated",
            self.fenced_effects, self.repeated_fenced_effects, self.final_effects, self.repeated_effects
        )?;
        write!(
            f,
            "{} processes killed, {} frozen, {} blows to server and network; {} jobs cancelled while they waited, {} while they ran; \
             {} stale ends refused, {} ends without an answer",
            self.killed,
            self.stopped,
            self.disturbed,
            self.cancelled_waiting,
            self.cancelled_running,
            self.refused,
            self.unanswered
        )
    }
}
