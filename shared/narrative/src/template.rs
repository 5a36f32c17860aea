//! Texts with names in them.
//!
//! The language is Jinja's, as `minijinja` speaks it, and strict: what a name does not stand for is an error, and what it brings
//! in is text and never read again. Before that, `translation` puts upstream's spellings into it.

mod engine;
mod filter;
mod names;
mod tokens;
mod translation;
mod values;

pub(crate) use names::{Known, KnownAct, KnownReply, RESERVED};
pub(crate) use values::{Reply, ReplyText, Values};

use std::{collections::BTreeSet, sync::Arc};

/// A text whose names are known.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    /// The text as it is written.
    written: Arc<str>,
    /// The same in Jinja's language; `None` when it holds no names, and stands for itself.
    jinja: Option<Arc<str>>,
    /// The names that it uses, without what follows them.
    heads: BTreeSet<String>,
    required_arguments: BTreeSet<String>,
    state_keys: BTreeSet<String>,
    /// Its pieces, where it is a filter and holds names: what these bring in stays a text in quotes.
    pieces: Option<Arc<[Piece]>>,
}

/// A piece of a filter.
#[derive(Debug, Clone)]
enum Piece {
    /// As it is written.
    Written(String),
    /// Inside of a text in single quotes.
    Quoted(Template),
}

/// A condition.
#[derive(Debug, Clone)]
pub(crate) struct Expression(Template);

/// A text that is not a template, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// The bytes of the text that are wrong.
    pub(crate) range: std::ops::Range<usize>,
    /// What is wrong there.
    pub(crate) detail: String,
}

/// Why a template has no text in this run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail} in `{text}`")]
pub struct TemplateError {
    /// What is wrong.
    pub detail: String,
    /// The beginning of the text that holds the template.
    pub text: String,
}

impl Template {
    /// The text as it is written.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// The text itself, if it holds no names.
    pub(crate) fn fixed(&self) -> Option<&str> {
        (self.jinja.is_none() && self.pieces.is_none()).then_some(&*self.written)
    }

    /// A text without names.
    pub(crate) fn literal(text: &str) -> Self {
        Self {
            written: Arc::from(text),
            jinja: None,
            heads: BTreeSet::new(),
            required_arguments: BTreeSet::new(),
            state_keys: BTreeSet::new(),
            pieces: None,
        }
    }

    /// The names that it uses, without what follows them.
    pub(crate) fn heads(&self) -> impl Iterator<Item = &str> {
        self.heads.iter().map(String::as_str)
    }

    /// The arguments without which this text cannot be rendered.
    pub(crate) fn required_arguments(&self) -> impl Iterator<Item = &str> {
        self.required_arguments.iter().map(String::as_str)
    }

    /// The keys of the state that it brings in.
    pub(crate) fn state_keys(&self) -> impl Iterator<Item = &str> {
        self.state_keys.iter().map(String::as_str)
    }
}

impl Expression {
    /// What it is written as.
    pub(crate) fn template(&self) -> &Template {
        &self.0
    }
}
