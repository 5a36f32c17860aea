//! From a document to narratives that can be played, with everything that is wrong in it.

mod acts;
mod advice;
mod asking;
mod commands;
mod completion;
mod diagnostic;
mod inputs;
mod library;
mod media;
mod narratives;
mod numbers;
mod page;
mod refusal;
mod schemas;
mod shelf;
mod surroundings;
mod tables;
mod texts;
mod version;

pub use diagnostic::{Diagnostic, Place, Severity};
pub use refusal::NarrativeError;
pub use surroundings::{ArgumentKind, CommandProblem, Commands, Files, Surroundings};

use std::sync::Arc;

use botticelli_toml_document::{Reading, suggestion};

use crate::{
    document::Document,
    narrative::{Narrative, Needs},
};
use library::Library;
use page::Page;
use shelf::Shelf;

/// The checked narratives of one file.
#[derive(Debug, Clone)]
pub struct NarrativeFile {
    path: String,
    narratives: Vec<(String, Arc<Narrative>)>,
}

/// What is to be said about a file.
#[derive(Debug, Clone)]
pub struct Report {
    /// Everything that was found, errors and other remarks, in the order of the file; what was found in other files comes last.
    pub diagnostics: Vec<Diagnostic>,
    /// What acts of the file, and of other files that it plays narratives of, need of their surroundings; those with mistakes
    /// included, as far as they can be read.
    pub needs: Needs,
    /// The file's narratives, if there is no error.
    pub file: Option<NarrativeFile>,
}

/// Reads the narratives in `text`, which came from `path`, and says everything that is wrong with them.
///
/// All narratives of the file are checked, and all acts, also those that no narrative plays. `path` is only used in
/// what is said; other files are read by way of `surroundings`.
pub fn check(path: &str, text: &str, surroundings: &Surroundings<'_>) -> Report {
    let library = Library::new(surroundings);
    let (narratives, (mut diagnostics, mut needs)) = check_text(path, text, surroundings, &library);
    let (found, needed) = library.into_found();
    diagnostics.extend(found);
    needs.extend(&needed);
    let has_errors = diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    let file = NarrativeFile {
        path: path.to_owned(),
        narratives,
    };
    Report {
        diagnostics,
        needs,
        file: (!has_errors).then_some(file),
    }
}

fn check_text(
    path: &str,
    text: &str,
    surroundings: &Surroundings<'_>,
    library: &Library<'_>,
) -> (narratives::Narratives, (Vec<Diagnostic>, Needs)) {
    let Reading { mistakes, rest } = Document::read(path, text);
    let page = Page::new(path, text, mistakes);
    let narratives = match &rest {
        Some(document) => {
            let shelf = Shelf::fill(&page, surroundings, document);
            narratives::build(&shelf, document, library)
        }
        None => Vec::new(),
    };
    (narratives, page.into_found())
}

/// Reads the narratives in `text`, which came from `path`.
///
/// As [`check`], with nothing around the file.
///
/// # Errors
///
/// [`NarrativeError`] with every mistake's place and the way out.
pub fn parse(path: &str, text: &str) -> Result<NarrativeFile, NarrativeError> {
    open(path, text, &Surroundings::default())
}

/// Reads the narratives in `text`, which came from `path`, as [`check`] does.
///
/// # Errors
///
/// [`NarrativeError`] with every mistake's place and the way out.
pub fn open(path: &str, text: &str, surroundings: &Surroundings<'_>) -> Result<NarrativeFile, NarrativeError> {
    let Report { diagnostics, file, .. } = check(path, text, surroundings);
    file.ok_or_else(|| NarrativeError::Invalid {
        diagnostics: diagnostics
            .into_iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .collect(),
    })
}

impl NarrativeFile {
    /// The names of its narratives, in the order in which they are written.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.narratives.iter().map(|(name, _)| name.as_str())
    }

    /// Its narratives, in the order in which they are written.
    pub fn narratives(&self) -> impl Iterator<Item = &Narrative> {
        self.narratives.iter().map(|(_, narrative)| &**narrative)
    }

    /// The narrative called `name`; without a name, the file's only one.
    ///
    /// # Errors
    ///
    /// [`NarrativeError`] when the file has no narrative of that name, or several and none was named. Both list the names.
    pub fn narrative(&self, name: Option<&str>) -> Result<Arc<Narrative>, NarrativeError> {
        let found = match (name, self.narratives.as_slice()) {
            (None, [(_, only)]) => only,
            (None, _) => {
                return Err(NarrativeError::Unnamed {
                    path: self.path.clone(),
                    names: self.listed(),
                });
            }
            (Some(name), narratives) => match narratives.iter().find(|(known, _)| known == name) {
                Some((_, found)) => found,
                None => {
                    return Err(NarrativeError::UnknownNarrative {
                        path: self.path.clone(),
                        name: name.to_owned(),
                        suggestion: suggestion(name, self.names()),
                    });
                }
            },
        };
        Ok(Arc::clone(found))
    }

    fn listed(&self) -> String {
        self.names()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ")
    }
}
