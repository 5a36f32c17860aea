//! What the executor needs of its surroundings.

use std::{collections::BTreeMap, error::Error, pin::Pin, time::Duration};

use botticelli_llm::{Finish, LanguageModel, LlmError, Media, MediaKind, Providers, Remaining, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    narrative::{Budget, ModelChoice, Spend, Target},
    table::TableQuery,
};

/// A port's boxed answer.
pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, PortError>> + Send + 'a>>;

/// One row of a table, from column to value.
pub type Row = serde_json::Map<String, Value>;

/// A failure of a port, of whatever kind that port has.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct PortError(Box<dyn Error + Send + Sync>);

impl PortError {
    /// Wraps a port's own error.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }

    /// The port's own error, for callers that know the port.
    pub fn inner(&self) -> &(dyn Error + Send + Sync + 'static) {
        self.0.as_ref()
    }
}

/// Knows the models that acts may ask.
pub trait Models: Send + Sync {
    /// Who answers for `choice`.
    ///
    /// # Errors
    ///
    /// Why nobody does, with the way out, in one sentence.
    fn route<'a>(&'a self, choice: &ModelChoice) -> Result<Route<'a>, String>;
}

/// Who answers.
#[derive(Clone)]
pub struct Route<'a> {
    /// The provider's client.
    pub model: &'a dyn LanguageModel,
    /// The model to ask it for; `None` leaves that to the client.
    pub name: Option<String>,
}

/// A name without a provider may also be that of a provider, which is then asked for its own model.
impl Models for Providers {
    fn route<'a>(&'a self, choice: &ModelChoice) -> Result<Route<'a>, String> {
        let (provider, model) = match (choice.provider.as_deref(), choice.model.as_deref()) {
            (None, Some(name)) if self.get(name).is_some() => (Some(name), None),
            choice => choice,
        };
        let route = Self::route(self, provider, model).map_err(|error| error.to_string())?;
        Ok(Route {
            model: &**route.model,
            name: route.name.map(str::to_owned),
        })
    }
}

/// One client, which is asked for whatever model an act wants.
#[derive(Clone, Copy)]
pub struct OneModel<'m>(pub &'m dyn LanguageModel);

impl Models for OneModel<'_> {
    fn route<'a>(&'a self, choice: &ModelChoice) -> Result<Route<'a>, String> {
        Ok(Route {
            model: self.0,
            name: choice.model.clone(),
        })
    }
}

/// Keeps account of calls of models: each is announced before it is made and recorded afterwards.
pub trait Ledger: Send + Sync {
    /// Sets aside what `call` may use up.
    ///
    /// # Errors
    ///
    /// [`PortError`] when nothing could be set aside; the call is not made then.
    fn reserve<'a>(&'a self, call: &'a PlannedCall<'a>) -> PortFuture<'a, Reserved>;

    /// Records that the call ended without an answer that counts. Calls with one are recorded by [`Checkpoints::save`].
    ///
    /// # Errors
    ///
    /// [`PortError`] when it was not recorded.
    fn fail<'a>(&'a self, ticket: Ticket, error: &'a LlmError) -> PortFuture<'a, ()>;
}

/// A call that is about to be made.
#[derive(Debug, Clone)]
pub struct PlannedCall<'a> {
    /// The narrative that asks.
    pub narrative: &'a str,
    /// The act that asks.
    pub act: &'a str,
    /// The key of the step, unique in the run.
    pub step: &'a str,
    /// The provider that is asked.
    pub provider: &'a str,
    /// The model that is asked, as the provider names it; `None` when the provider has no names for models.
    pub model: Option<&'a str>,
    /// [`Request::prompt_hash`](botticelli_llm::Request::prompt_hash) of what is sent.
    pub prompt_hash: &'a str,
    /// What the prompt will be counted as, estimated.
    pub input_tokens: u64,
    /// The most that the answer may have; `None` when the act sets no limit.
    pub max_output_tokens: Option<u32>,
    /// How long the call may take.
    pub timeout: Duration,
    /// The share of the provider's limits that the narrative may use.
    pub budget: Budget,
    /// What the act may use up in a run.
    pub of_act: Spend,
    /// What the run may use up.
    pub of_run: Spend,
}

/// Tokens of the output that an act without `max_tokens` is taken to have.
const USUAL_OUTPUT: u64 = 1_000;

impl PlannedCall<'_> {
    /// What the call is expected to use at most: its answer is as long as it may be, or has 1,000 tokens where that is not said.
    pub fn expected_usage(&self) -> Usage {
        Usage {
            input_tokens: self.input_tokens,
            output_tokens: self.max_output_tokens.map_or(USUAL_OUTPUT, u64::from),
            ..Usage::default()
        }
    }
}

/// Whether a call may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// It may.
    Granted(Ticket),
    /// Not now: a rate limit of the provider is used up.
    Wait {
        /// For how long.
        after: Duration,
        /// Which limit.
        why: String,
    },
    /// Not any more: a budget is used up.
    Exhausted {
        /// Which budget.
        why: String,
        /// How long until it is open again; `None` when it never is by itself.
        after: Option<Duration>,
    },
}

/// A call that is on record as begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(pub i64);

/// What a call with an answer used up.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The call.
    pub ticket: Ticket,
    /// The provider that answered.
    pub provider: String,
    /// The model that answered, as the provider names it.
    pub model: String,
    /// What it cost.
    pub usage: Usage,
    /// The provider's name for the call.
    pub request_id: Option<String>,
    /// What the provider says is left of its limits.
    pub remaining: Option<Remaining>,
}

/// No account is kept, and every call may be made.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLedger;

impl Ledger for NoLedger {
    fn reserve<'a>(&'a self, _: &'a PlannedCall<'a>) -> PortFuture<'a, Reserved> {
        Box::pin(async { Ok(Reserved::Granted(Ticket(0))) })
    }

    fn fail<'a>(&'a self, _: Ticket, _: &'a LlmError) -> PortFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// Reads tables for narratives.
pub trait TableReader: Send + Sync {
    /// The rows that `query` asks for, in its order, with at least the columns it names; `None` when there is no such table,
    /// and there may be one later. `key` names the read within the run, as [`CommandCall::key`] does a command.
    ///
    /// # Errors
    ///
    /// [`PortError`] when the table or a column may not be read, does not exist, or cannot be reached.
    fn read<'a>(&'a self, query: &'a TableQuery, key: &'a str) -> PortFuture<'a, Option<Vec<Row>>>;

    /// Why an output cannot be rows of `target`, as far as that can be told now; the model is told. None unless this is
    /// implemented.
    ///
    /// # Errors
    ///
    /// [`PortError`] when the table cannot be reached.
    fn refusal<'a>(&'a self, _target: &'a Target, _output: Option<&'a Value>) -> PortFuture<'a, Option<String>> {
        Box::pin(async { Ok(None) })
    }
}

/// Runs commands of platforms.
pub trait CommandRunner: Send + Sync {
    /// What the platform answers, or why it refused.
    ///
    /// A command whose outcome is not known, because an earlier run of the same step ended in the middle of it, is not run
    /// again unless that is safe.
    ///
    /// # Errors
    ///
    /// [`PortError`] when it was not the platform that refused: the command may not be run, its outcome is not known, or could not
    /// be put on record.
    fn run<'a>(&'a self, call: &'a CommandCall) -> PortFuture<'a, Result<Value, PortError>>;
}

/// A command of a platform with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandCall {
    /// Names the command within the run: the step's key and the input's place in it.
    pub key: String,
    /// The platform.
    pub platform: String,
    /// The command.
    pub command: String,
    /// Its arguments.
    pub args: serde_json::Map<String, Value>,
    /// How old an answer to the same command may be that is used in place of running it.
    pub cache: Option<Duration>,
}

/// Fetches media for prompts.
pub trait MediaFetcher: Send + Sync {
    /// What stands at `url`, if it is of the kind and the type that are asked for.
    ///
    /// # Errors
    ///
    /// [`PortError`] when it is not that, is too large, or must not or cannot be fetched.
    fn fetch<'a>(&'a self, url: &'a str, kind: Option<MediaKind>, mime: Option<&'a str>) -> PortFuture<'a, Media>;
}

/// Reads what earlier runs kept. What a run keeps goes with its records.
pub trait StateReader: Send + Sync {
    /// The values of those of `keys` that have one.
    ///
    /// # Errors
    ///
    /// [`PortError`] when they could not be read.
    fn read<'a>(&'a self, keys: &'a [String]) -> PortFuture<'a, BTreeMap<String, Value>>;
}

/// Nothing around a narrative: no tables, no commands, no media, no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

/// A narrative needs what is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0} are not available here")]
struct NotHere(&'static str);

impl TableReader for Nothing {
    fn read<'a>(&'a self, _: &'a TableQuery, _: &'a str) -> PortFuture<'a, Option<Vec<Row>>> {
        Box::pin(async { Err(PortError::new(NotHere("tables"))) })
    }
}

impl CommandRunner for Nothing {
    fn run<'a>(&'a self, _: &'a CommandCall) -> PortFuture<'a, Result<Value, PortError>> {
        Box::pin(async { Err(PortError::new(NotHere("commands of platforms"))) })
    }
}

impl MediaFetcher for Nothing {
    fn fetch<'a>(&'a self, _: &'a str, _: Option<MediaKind>, _: Option<&'a str>) -> PortFuture<'a, Media> {
        Box::pin(async { Err(PortError::new(NotHere("media of other places"))) })
    }
}

impl StateReader for Nothing {
    fn read<'a>(&'a self, _: &'a [String]) -> PortFuture<'a, BTreeMap<String, Value>> {
        Box::pin(async { Ok(BTreeMap::new()) })
    }
}

/// Remembers finished acts, so that a run that is started again does not ask for them again.
pub trait Checkpoints: Send + Sync {
    /// The record that was saved for `step`, if there is one.
    ///
    /// # Errors
    ///
    /// [`PortError`] when the store cannot answer.
    fn load<'a>(&'a self, step: &'a str) -> PortFuture<'a, Option<ActRecord>>;

    /// The answer of an earlier run that was saved for `step` and turned out to be of no use, if there is one. The model is told
    /// of it. None unless this is implemented.
    ///
    /// # Errors
    ///
    /// [`PortError`] when the store cannot answer.
    fn refused<'a>(&'a self, _step: &'a str) -> PortFuture<'a, Option<RefusedAnswer>> {
        Box::pin(async { Ok(None) })
    }

    /// Saves `record` for `step`, and with it, all or nothing, what it keeps in the state and what the calls used up. The
    /// executor saves each step once and goes on only after this has succeeded.
    ///
    /// # Errors
    ///
    /// [`PortError`] when the record was not saved, or may no longer be saved by this run.
    fn save<'a>(&'a self, step: &'a str, record: &'a ActRecord, receipts: &'a [Receipt]) -> PortFuture<'a, ()>;
}

/// An answer that nothing could be done with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedAnswer {
    /// What was answered.
    pub reply: String,
    /// Why it could not be used.
    pub why: String,
}

/// One finished act.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ActRecord {
    /// The narrative that the act belongs to.
    pub narrative: String,
    /// The act.
    pub act: String,
    /// The act's version when it was played.
    #[serde(default)]
    pub version: String,
    /// The carousel's counter, from 1.
    pub iteration: u32,
    /// The counter of the act's own repetitions, from 1; `None` for an act that is not repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetition: Option<u32>,
    /// Whether the act was passed over, because what it asks for did not hold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_skipped: bool,
    /// What later acts see as the question; `None` for an act that asked no model.
    pub prompt: Option<String>,
    /// The answer without surrounding blanks, or what an act brought that asked no model.
    pub reply: String,
    /// The answer as JSON, if it is that.
    pub json: Option<Value>,
    /// The model's words, where they are not the reply: JSON in the midst of other text, or an answer that a repair replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raw: Vec<String>,
    /// The provider that answered; `None` for an act that asked no model.
    pub provider: Option<String>,
    /// The model that answered; `None` for an act that asked no model.
    pub model: Option<String>,
    /// What all calls of the act cost; zero for an act that asked no model.
    pub usage: Usage,
    /// The calls that were made.
    #[serde(default)]
    pub calls: u32,
    /// Why the model stopped; `None` for an act that asked no model.
    pub finish: Option<Finish>,
    /// [`Request::prompt_hash`](botticelli_llm::Request::prompt_hash) of the question, without what repairs added to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_hash: Option<String>,
    /// Tables as they were written into the prompt, for later acts that name them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, String>,
    /// Where the media of the question stood that later acts still see, by the number of the input, from 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub media: BTreeMap<usize, String>,
    /// What is kept in the state, by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub state: BTreeMap<String, Value>,
}

/// Hears how a run goes.
pub trait Audience: Send + Sync {
    /// An act begins that is not resumed.
    fn begins(&self, step: &str, act: &str) {
        let _ = (step, act);
    }

    /// Whether [`said`](Self::said) is wanted.
    fn wants_pieces(&self) -> bool {
        false
    }

    /// The model said a piece of its answer. It may still turn out to be unusable.
    fn said(&self, step: &str, piece: &str) {
        let _ = (step, piece);
    }

    /// An act has ended; `is_resumed` for one whose saved record was used.
    fn ended(&self, step: &str, record: &ActRecord, is_resumed: bool) {
        let _ = (step, record, is_resumed);
    }
}

/// Nobody listens.
impl Audience for () {}

/// The executor's surroundings.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    /// Who answers prompts.
    pub models: &'a dyn Models,
    /// Who keeps account of that.
    pub ledger: &'a dyn Ledger,
    /// Who reads tables.
    pub tables: &'a dyn TableReader,
    /// Who runs commands.
    pub commands: &'a dyn CommandRunner,
    /// Who fetches media.
    pub media: &'a dyn MediaFetcher,
    /// Who knows the state.
    pub state: &'a dyn StateReader,
    /// Who remembers finished acts.
    pub checkpoints: &'a dyn Checkpoints,
    /// Who hears of it.
    pub audience: &'a dyn Audience,
}

impl<'a> Ports<'a> {
    /// Models and checkpoints, and nothing else.
    pub fn bare(models: &'a dyn Models, checkpoints: &'a dyn Checkpoints) -> Self {
        Self {
            models,
            ledger: &NoLedger,
            tables: &Nothing,
            commands: &Nothing,
            media: &Nothing,
            state: &Nothing,
            checkpoints,
            audience: &(),
        }
    }
}
