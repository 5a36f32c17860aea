//! Why a narrative file is refused.

use std::ops::Range;

use botticelli_toml_document::{Location, TomlError, nearest};
use toml::Spanned;

/// Why there is no narrative.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NarrativeError {
    /// The document has not the shape of a narrative file.
    #[error(transparent)]
    Document(#[from] TomlError),
    /// The document says something that cannot be played.
    #[error("{location}: {detail}")]
    Invalid {
        /// Where it says so.
        location: Location,
        /// What is wrong, with the way out.
        detail: String,
    },
    /// The file has no narrative of this name.
    #[error("`{path}` has no narrative `{name}`{suggestion}")]
    UnknownNarrative {
        /// The file.
        path: String,
        /// The name that was asked for.
        name: String,
        /// The nearest name, or all of them.
        suggestion: String,
    },
    /// The file has several narratives, and none was named.
    #[error("`{path}` has several narratives: name one of {names}")]
    Unnamed {
        /// The file.
        path: String,
        /// Their names.
        names: String,
    },
}

/// The document that refusals point into.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    /// A refusal of what stands at `span`.
    pub(crate) fn refuse(&self, span: &Range<usize>, detail: impl Into<String>) -> NarrativeError {
        NarrativeError::Invalid {
            location: Location::of(self.path, self.text, span.start),
            detail: detail.into(),
        }
    }

    /// A refusal of what stands at byte `offset` of a text value.
    ///
    /// A value that is written with escapes differs from its source; its start must do then.
    pub(crate) fn refuse_inside(
        &self,
        value: &Spanned<String>,
        offset: usize,
        detail: impl Into<String>,
    ) -> NarrativeError {
        let span = value.span();
        let written = self
            .text
            .get(span.clone())
            .and_then(|source| source.find(value.get_ref().as_str()));
        let start = written.map_or(span.start, |inside| span.start + inside + offset);
        self.refuse(&(start..span.end), detail)
    }
}

/// The way out of an unknown name: the nearest one, or all.
pub(crate) fn suggestion<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(word, known.clone()) {
        return format!("; did you mean `{near}`?");
    }
    let names: Vec<String> = known.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "; there are none".to_owned()
    } else {
        format!("; there are {}", names.join(", "))
    }
}
