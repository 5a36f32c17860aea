//! From a document to narratives that can be played.

mod acts;
mod advice;
mod narratives;
mod numbers;
mod refusal;
mod schemas;
mod scope;
mod shelf;
mod tables;

pub use refusal::NarrativeError;

use std::sync::Arc;

use crate::{document::Document, narrative::Narrative};
use refusal::{Source, suggestion};

/// The checked narratives of one file.
#[derive(Debug, Clone)]
pub struct NarrativeFile {
    path: String,
    narratives: Vec<(String, Arc<Narrative>)>,
}

/// Reads and checks the narratives in `text`, which came from `path`.
///
/// All narratives of the file are checked, and all acts, also those that no narrative plays. `path` is only used in
/// errors; nothing is read but `text`.
///
/// # Errors
///
/// [`NarrativeError`] with the first mistake's place and the way out.
pub fn parse(path: &str, text: &str) -> Result<NarrativeFile, NarrativeError> {
    let document = Document::read(path, text).map_err(advice::with_advice)?;
    let narratives = narratives::build(Source { path, text }, &document)?;
    Ok(NarrativeFile {
        path: path.to_owned(),
        narratives,
    })
}

impl NarrativeFile {
    /// The names of its narratives, in the order in which they are written.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.narratives.iter().map(|(name, _)| name.as_str())
    }

    /// The narrative called `name`; without a name, the file's only one.
    ///
    /// # Errors
    ///
    /// [`NarrativeError`] when the file has no narrative of that name, or several and none was named. Both list the names.
    pub fn narrative(&self, name: Option<&str>) -> Result<Narrative, NarrativeError> {
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
        Ok(Narrative::clone(found))
    }

    fn listed(&self) -> String {
        self.names()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ")
    }
}
