//! Answering from a recording.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use super::{
    line::{Asked, Line},
    nearest::{difference, nearest},
};
use crate::{ErrorClass, LanguageModel, LlmError, MediaKind, Reply, ReplyFuture, Request};

/// The name under which this backend appears in logs and errors.
const PROVIDER: &str = "replay";

/// A model that answers as others did when a [`Recording`](super::Recording) was made, and nothing else.
///
/// A request is known by its [`prompt_hash`](Request::prompt_hash). The same request is answered anew each time, in the order
/// of the recording, and as the last time when that is used up; what was asked of the same model comes first. Failures are
/// answers, too.
#[derive(Debug)]
pub struct Replay {
    name: String,
    /// With their numbers, from 1.
    lines: Vec<(usize, Line)>,
    /// The numbers of those that have been given.
    used: Mutex<HashSet<usize>>,
}

/// Why a text is no recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It has a line that is none of a recording.
    #[error("`{name}`:{line} is no line of a recording; record it again")]
    Line {
        /// The recording.
        name: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl Replay {
    /// The recording in `text`, which people know as `name`.
    ///
    /// # Errors
    ///
    /// [`RecordingError`] when it is none.
    pub fn read(name: &str, text: &str) -> Result<Self, RecordingError> {
        let written = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
        let lines = written.map(|(text, line)| {
            let read = serde_json::from_str(text).map_err(|source| RecordingError::Line {
                name: name.to_owned(),
                line,
                source,
            });
            Ok((line, read?))
        });
        Ok(Self {
            name: name.to_owned(),
            lines: lines.collect::<Result<_, _>>()?,
            used: Mutex::default(),
        })
    }

    fn answer(&self, request: &Request) -> Result<Reply, LlmError> {
        let hash = request.prompt_hash();
        let of_request = || self.lines.iter().filter(|(_, line)| line.hash == hash);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || of_request().filter(|(number, _)| !used.contains(number));
        let found = fresh()
            .find(|(_, line)| line.model == request.model)
            .or_else(|| fresh().next())
            .or_else(|| of_request().next_back());
        match found {
            Some((number, line)) => {
                used.insert(*number);
                line.outcome.clone().again(&line.provider)
            }
            None => Err(self.unknown(request, &hash)),
        }
    }

    fn unknown(&self, request: &Request, hash: &str) -> LlmError {
        let asked = Asked::from(request);
        let near = match nearest(&asked, self.lines.iter().map(|(number, line)| (*number, line))) {
            None => "nothing in it is like it".to_owned(),
            Some((number, line)) => {
                let step = line
                    .step
                    .as_ref()
                    .map(|step| format!(" of step `{step}`"))
                    .unwrap_or_default();
                format!(
                    "the nearest is that{step} in line {number}: {}",
                    difference(&asked, &line.request)
                )
            }
        };
        let detail = format!(
            "recording `{}` has no answer to this request ({hash}); {near}; record it again where the change is meant",
            self.name
        );
        LlmError::new(ErrorClass::Invalid, PROVIDER, detail)
    }
}

impl LanguageModel for Replay {
    fn generate<'a>(&'a self, request: &'a Request) -> ReplyFuture<'a> {
        Box::pin(async move { self.answer(request) })
    }

    fn provider(&self) -> &'static str {
        PROVIDER
    }

    /// It knows files by their hashes.
    fn takes(&self, _: MediaKind) -> bool {
        true
    }
}
