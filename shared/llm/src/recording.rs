//! Recordings: what was asked and what came of it, as lines of JSON, to be read by people and to be answered from.

mod line;
mod nearest;
mod replay;

pub use replay::{RecordingError, Replay};

use std::{
    collections::HashMap,
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use line::{Line, Outcome};

use crate::{LanguageModel, LlmError, MediaKind, Reply, ReplyFuture, Request};

/// A recording that is being made. Every request and what came of it is a line of JSON, written as soon as it is known:
///
/// ```json
/// {"hash":"9f2c…","step":"1/draft","provider":"openai","model":"gpt-5","request":{"messages":[…]},"reply":{"model":"gpt-5","text":"…",…}}
/// ```
///
/// `hash` is [`Request::prompt_hash`], `model` the name that was asked for. A call that failed has `error` in place of `reply`.
/// Of a file in a conversation its kind, length and SHA-256 are kept and not its bytes; prompts and answers are kept as they are,
/// with whatever secrets somebody wrote into them.
pub struct Recording {
    written: Mutex<Written>,
}

struct Written {
    out: Box<dyn Write + Send>,
    /// The first failure to write.
    failed: Option<io::Error>,
    /// What asked, by hashes of requests.
    steps: HashMap<String, String>,
}

impl Recording {
    /// A recording into `out`.
    pub fn new(out: impl Write + Send + 'static) -> Arc<Self> {
        Arc::new(Self {
            written: Mutex::new(Written {
                out: Box::new(out),
                failed: None,
                steps: HashMap::new(),
            }),
        })
    }

    /// Says that the request with this hash is that of `step`, for people who read the recording.
    pub fn name(&self, prompt_hash: &str, step: &str) {
        let mut written = self.written();
        written.steps.insert(prompt_hash.to_owned(), step.to_owned());
    }

    /// The same model, with everything that goes through it recorded.
    pub fn of(self: &Arc<Self>, model: Arc<dyn LanguageModel>) -> Arc<dyn LanguageModel> {
        Arc::new(Recorded {
            model,
            recording: Arc::clone(self),
        })
    }

    /// The first failure to write a line, after which no other was written. A failure does not disturb the calls.
    ///
    /// # Errors
    ///
    /// Why the recording is not whole.
    pub fn finish(&self) -> io::Result<()> {
        let mut written = self.written();
        match written.failed.take() {
            Some(error) => Err(error),
            None => written.out.flush(),
        }
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, provider: &str, request: &Request, result: &Result<Reply, LlmError>) {
        let mut written = self.written();
        if written.failed.is_some() {
            return;
        }
        let hash = request.prompt_hash();
        let line = Line {
            step: written.steps.get(&hash).cloned(),
            hash,
            provider: provider.to_owned(),
            model: request.model.clone(),
            request: request.into(),
            outcome: Outcome::of(result),
        };
        let wrote = serde_json::to_string(&line)
            .map_err(io::Error::other)
            .and_then(|line| writeln!(written.out, "{line}"));
        written.failed = wrote.err();
    }
}

/// A model that is recorded.
struct Recorded {
    model: Arc<dyn LanguageModel>,
    recording: Arc<Recording>,
}

impl LanguageModel for Recorded {
    fn generate<'a>(&'a self, request: &'a Request) -> ReplyFuture<'a> {
        Box::pin(async move {
            let result = self.model.generate(request).await;
            self.recording.write(self.provider(), request, &result);
            result
        })
    }

    fn stream<'a>(&'a self, request: &'a Request, on_text: &'a mut (dyn FnMut(&str) + Send)) -> ReplyFuture<'a> {
        Box::pin(async move {
            let result = self.model.stream(request, on_text).await;
            self.recording.write(self.provider(), request, &result);
            result
        })
    }

    fn provider(&self) -> &str {
        self.model.provider()
    }

    fn own_model(&self) -> Option<&str> {
        self.model.own_model()
    }

    fn serves(&self, model: &str) -> bool {
        self.model.serves(model)
    }

    fn takes(&self, kind: MediaKind) -> bool {
        self.model.takes(kind)
    }
}
