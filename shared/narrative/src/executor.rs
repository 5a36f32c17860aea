//! Playing a narrative.

mod act;
mod failure;
mod outcome;
mod seed;
mod session;

pub use failure::{ActFailure, RunError};
pub use outcome::{NarrativeRun, Output};

use std::time::Duration;

use serde_json::Value;

use crate::{
    narrative::Narrative,
    ports::{ActRecord, Ports},
};
use session::Session;

/// How one run differs from others of the same narrative.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// What `{{args.KEY}}` stands for. A null counts as no argument.
    pub args: serde_json::Map<String, Value>,
    /// What every step's key starts with, so that several runs can share one store of checkpoints.
    pub step_prefix: String,
    /// How long one call of the model may take.
    pub act_timeout: Duration,
    /// The root of every call's own seed: the same number asks the same questions with the same seeds. `None` leaves
    /// the choice to the backend.
    pub seed: Option<u64>,
    /// How often to repeat the narrative, 1 to 1000, in place of what its carousel says.
    pub iterations: Option<u32>,
    /// The one repetition to play, counted from 1; `None` plays all.
    pub round: Option<u32>,
}

/// Plays `narrative` and gives back what its acts said.
///
/// Acts are played one after another. Each model call sees the acts before it as a conversation of alternating turns; a
/// composed narrative starts a conversation of its own and stands in its parent's as one turn. Every finished act is
/// saved in the checkpoints under a key such as `3/tip/draft` (third repetition, act `tip`, its act `draft`), and
/// an act with a saved record is not played again. `on_act` hears of every act in order, with true for a resumed one.
///
/// # Errors
///
/// [`RunError`] when an argument is missing, before anything is asked; otherwise when an act fails, with the act. In a
/// carousel with `continue_on_error` a failed repetition is counted instead, unless every repetition fails or the failure
/// is a port's, not the act's.
pub async fn run(
    narrative: &Narrative,
    ports: &Ports<'_>,
    options: &RunOptions,
    on_act: &mut (dyn FnMut(&ActRecord, bool) + Send),
) -> Result<NarrativeRun, RunError> {
    let given = |key: &&str| options.args.get(*key).is_none_or(Value::is_null);
    let missing: Vec<String> = narrative
        .required_arguments()
        .into_iter()
        .filter(given)
        .map(str::to_owned)
        .collect();
    if !missing.is_empty() {
        return Err(RunError::MissingArguments {
            narrative: narrative.name.clone(),
            keys: missing,
        });
    }
    if let Some(iterations) = options.iterations.filter(|iterations| !(1..=1000).contains(iterations)) {
        return Err(RunError::Iterations {
            narrative: narrative.name.clone(),
            iterations,
        });
    }
    let iterations = narrative.iterations(options.iterations);
    if let Some(round) = options.round.filter(|round| !(1..=iterations).contains(round)) {
        return Err(RunError::Round {
            narrative: narrative.name.clone(),
            round,
            iterations,
        });
    }
    Session::new(ports, options, on_act).play(narrative).await
}
