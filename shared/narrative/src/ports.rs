//! What the executor needs of its surroundings.

use std::{error::Error, pin::Pin};

use botticelli_llm::{Finish, LanguageModel, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::table::TableQuery;

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

/// Reads tables for narratives.
pub trait TableReader: Send + Sync {
    /// The rows that `query` asks for, in its order, with at least the columns it names.
    ///
    /// # Errors
    ///
    /// [`PortError`] when the table or a column does not exist, may not be read, or cannot be reached.
    fn read<'a>(&'a self, query: &'a TableQuery) -> PortFuture<'a, Vec<Row>>;
}

/// Remembers finished acts, so that a run that is started again does not ask for them again.
pub trait Checkpoints: Send + Sync {
    /// The record that was saved for `step`, if there is one.
    ///
    /// # Errors
    ///
    /// [`PortError`] when the store cannot answer.
    fn load<'a>(&'a self, step: &'a str) -> PortFuture<'a, Option<ActRecord>>;

    /// Saves `record` for `step`. The executor saves each step once and goes on only after this has succeeded.
    ///
    /// # Errors
    ///
    /// [`PortError`] when the record was not saved, or may no longer be saved by this run.
    fn save<'a>(&'a self, step: &'a str, record: &'a ActRecord) -> PortFuture<'a, ()>;
}

/// One finished act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActRecord {
    /// The narrative that the act belongs to.
    pub narrative: String,
    /// The act.
    pub act: String,
    /// The carousel's counter, from 1.
    pub iteration: u32,
    /// What later acts see as the question; `None` for an act that asked no model.
    pub prompt: Option<String>,
    /// The answer without surrounding blanks, or the rendered tables of an act that asked no model.
    pub reply: String,
    /// The answer as JSON, exactly when the act has a schema.
    pub json: Option<Value>,
    /// The provider that answered; `None` for an act that asked no model.
    pub provider: Option<String>,
    /// The model that answered; `None` for an act that asked no model.
    pub model: Option<String>,
    /// What the answer cost; zero for an act that asked no model.
    pub usage: Usage,
    /// Why the model stopped; `None` for an act that asked no model.
    pub finish: Option<Finish>,
}

/// The executor's surroundings.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    /// Who answers prompts.
    pub model: &'a dyn LanguageModel,
    /// Who reads tables.
    pub tables: &'a dyn TableReader,
    /// Who remembers finished acts.
    pub checkpoints: &'a dyn Checkpoints,
}
