//! Playing a narrative.

mod acting;
mod answer;
mod call;
mod conversation;
mod extraction;
mod failure;
mod gathering;
mod outcome;
mod playing;
mod seed;

pub use failure::{ActFailure, RunError};
pub use outcome::{NarrativeRun, Output};

use std::{collections::BTreeMap, sync::Mutex};

use botticelli_llm::Timeouts;
use serde_json::Value;

use crate::{narrative::Narrative, ports::Ports};
use playing::Player;

/// How one run differs from others of the same narrative.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// What `{{ args.KEY }}` stands for. A null counts as no argument.
    pub args: serde_json::Map<String, Value>,
    /// What `${env:VAR}` stands for: the variables of the environment that narratives may use.
    pub environment: BTreeMap<String, String>,
    /// What every step's key starts with, so that several runs can share one store of checkpoints.
    pub step_prefix: String,
    /// How long one call of the model may take, unless the act says so.
    pub timeouts: Timeouts,
    /// The root of every call's own seed: the same number asks the same questions with the same seeds. `None` leaves
    /// the choice to the backend.
    pub seed: Option<u64>,
    /// How often to repeat the narrative, 1 to 1000, in place of what its carousel says.
    pub iterations: Option<u32>,
    /// The one repetition to play, counted from 1; `None` plays all.
    pub round: Option<u32>,
}

impl RunOptions {
    /// A run without arguments whose calls may take `timeouts`.
    pub fn new(timeouts: Timeouts) -> Self {
        Self {
            args: serde_json::Map::new(),
            environment: BTreeMap::new(),
            step_prefix: String::new(),
            timeouts,
            seed: None,
            iterations: None,
            round: None,
        }
    }
}

/// How many acts of one stage are played at once.
const PARALLELISM: usize = 8;

/// Plays `narrative` and gives back what its acts said.
///
/// Stages are played one after another, the acts of one stage side by side. Each model call sees the acts before it as a
/// conversation of alternating turns, as far as its `history` wants; a composed narrative starts a conversation of its own and
/// stands in its parent's as one turn. Every finished act is saved in the checkpoints under a key such as `3/tip/draft` (third
/// repetition, act `tip`, its act `draft`), and an act with a saved record is not played again.
///
/// # Errors
///
/// [`RunError`] when an argument is missing, before anything is asked; otherwise when an act fails, with the act. In a
/// carousel with `continue_on_error` a failed repetition is counted instead, unless every repetition fails or the failure
/// is a port's, not the act's.
pub async fn run(narrative: &Narrative, ports: &Ports<'_>, options: &RunOptions) -> Result<NarrativeRun, RunError> {
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
    let keys: Vec<String> = narrative.state_keys().into_iter().map(str::to_owned).collect();
    let state = if keys.is_empty() {
        BTreeMap::new()
    } else {
        let read = ports.state.read(&keys).await;
        read.map_err(|source| RunError::State {
            narrative: narrative.name.clone(),
            source,
        })?
    };
    let player = Player {
        ports,
        options,
        root: narrative,
        state: Mutex::new(state),
        tally: Mutex::default(),
        fetched: tokio::sync::Mutex::default(),
    };
    player.play().await
}
