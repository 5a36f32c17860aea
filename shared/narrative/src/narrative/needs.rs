//! What narratives need that stands outside of their files.

use std::{collections::BTreeSet, sync::Arc};

use botticelli_llm::MediaKind;

use super::ModelChoice;
use crate::{check::Place, table::TableQuery};

/// The models that acts may ask, and the tables that they read.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// The models, those of one act together.
    pub models: Vec<Arc<AskedModels>>,
    /// The tables.
    pub tables: Vec<Arc<AskedTable>>,
}

/// Whom an act may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedModels {
    /// Where the act is written.
    pub act: Place,
    /// The models, in the order in which they are tried.
    pub models: Vec<AskedModel>,
    /// The kinds of media that it sends.
    pub kinds: BTreeSet<MediaKind>,
}

/// One of the models that an act may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedModel {
    /// The model.
    pub choice: ModelChoice,
    /// Where its provider is written, if it is.
    pub provider_place: Option<Place>,
    /// Where its name is written, if it is.
    pub model_place: Option<Place>,
}

/// A read of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedTable {
    /// What is read.
    pub query: TableQuery,
    /// Where its table is written.
    pub place: Place,
    /// Where its columns are written, in their order.
    pub columns: Vec<Place>,
    /// Where its `where` is written, if it is.
    pub filter: Option<Place>,
    /// Where its `order_by` is written, if it is.
    pub order_by: Option<Place>,
    /// Where its `limit` is written, if it is.
    pub limit: Option<Place>,
    /// Where `pull_and_delete` is written, if it is.
    pub pull: Option<Place>,
}

impl Needs {
    /// Adds what an act needs, unless another narrative that plays the act has.
    pub(crate) fn add_models(&mut self, asked: &Arc<AskedModels>) {
        if !self.models.contains(asked) {
            self.models.push(Arc::clone(asked));
        }
    }

    pub(crate) fn add_table(&mut self, asked: &Arc<AskedTable>) {
        if !self.tables.contains(asked) {
            self.tables.push(Arc::clone(asked));
        }
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        other.models.iter().for_each(|asked| self.add_models(asked));
        other.tables.iter().for_each(|asked| self.add_table(asked));
    }
}
