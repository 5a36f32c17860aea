//! Prepared answers, for tests and demonstrations.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::expectation::Expectation;
use crate::{ErrorClass, Finish, LanguageModel, LlmError, MediaKind, Message, Reply, ReplyFuture, Request, Usage};

/// The name under which this backend appears in logs and errors.
const PROVIDER: &str = "scripted";

/// Requests that are remembered, so that a demonstration may run for weeks.
const REMEMBERED: usize = 1000;

/// A model that answers what it was told to answer, and remembers what it was asked.
///
/// An answer to a request with a schema is checked like that of any other backend.
pub struct Scripted {
    script: Mutex<Script>,
    requests: Mutex<VecDeque<Request>>,
    received: watch::Sender<usize>,
}

enum Script {
    InOrder(VecDeque<Answer>),
    Repeating { texts: Vec<String>, next: usize },
    Answering(Box<dyn FnMut(&Request) -> Answer + Send>),
}

/// One prepared answer.
#[derive(Debug)]
pub struct Answer {
    outcome: Result<(String, Finish), LlmError>,
    gate: Option<Gate>,
}

#[derive(Debug)]
struct Gate {
    reached: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
}

/// Holds an answer back, so that a test can look at a request in flight. Dropping it releases the answer.
#[derive(Debug)]
pub struct Hold {
    reached: oneshot::Receiver<()>,
    released: oneshot::Sender<()>,
}

impl Answer {
    /// The model says `text` and stops.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            outcome: Ok((text.into(), Finish::Stop)),
            gate: None,
        }
    }

    /// The model says `json` and stops.
    pub fn json(json: &Value) -> Self {
        Self::text(json.to_string())
    }

    /// The model says `text`, which the token limit cut.
    pub fn cut(text: impl Into<String>) -> Self {
        Self {
            outcome: Ok((text.into(), Finish::Length)),
            gate: None,
        }
    }

    /// The call fails with `error`.
    pub fn error(error: LlmError) -> Self {
        Self {
            outcome: Err(error),
            gate: None,
        }
    }

    /// The same answer, kept back until the [`Hold`] lets it go or the request's time is up.
    pub fn held(mut self) -> (Self, Hold) {
        let (reached_sender, reached) = oneshot::channel();
        let (released, released_receiver) = oneshot::channel();
        self.gate = Some(Gate {
            reached: reached_sender,
            released: released_receiver,
        });
        (self, Hold { reached, released })
    }
}

impl Hold {
    /// Waits until a request is waiting for this answer. Waits no longer when the answer is gone without being asked for.
    pub async fn reached(&mut self) {
        // An error says that the answer was dropped: nobody will come.
        (&mut self.reached).await.ok();
    }

    /// Lets the answer go.
    pub fn release(self) {
        // A receiver that is gone has given up waiting, which is the test's subject and not a fault.
        self.released.send(()).ok();
    }
}

impl Scripted {
    /// Gives `answers` one after the other; afterwards every request is refused.
    pub fn in_order(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::playing(Script::InOrder(answers.into_iter().collect()))
    }

    /// Says `texts` one after the other and starts again at the end. Without texts every request is refused.
    pub fn repeating(texts: impl IntoIterator<Item = String>) -> Self {
        Self::playing(Script::Repeating {
            texts: texts.into_iter().collect(),
            next: 0,
        })
    }

    /// Asks `answer` for each answer. It runs under a lock: to wait, return a [held](Answer::held) answer.
    pub fn answering(answer: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        Self::playing(Script::Answering(Box::new(answer)))
    }

    fn playing(script: Script) -> Self {
        Self {
            script: Mutex::new(script),
            requests: Mutex::new(VecDeque::new()),
            received: watch::Sender::new(0),
        }
    }

    /// The requests so far, oldest first; at most the last 1000.
    pub fn requests(&self) -> Vec<Request> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().cloned().collect()
    }

    /// Waits until `count` requests have come in since the start.
    pub async fn received(&self, count: usize) {
        // The sender lives in `self`, so waiting cannot fail.
        self.received
            .subscribe()
            .wait_for(|received| *received >= count)
            .await
            .ok();
    }

    fn record(&self, request: &Request) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.len() == REMEMBERED {
            requests.pop_front();
        }
        requests.push_back(request.clone());
        self.received.send_modify(|received| *received += 1);
    }

    fn next(&self, request: &Request) -> Answer {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match &mut *script {
            Script::InOrder(answers) => answers.pop_front(),
            Script::Repeating { texts, next } => {
                let text = texts.get(*next).cloned();
                *next = (*next + 1) % texts.len().max(1);
                text.map(Answer::text)
            }
            Script::Answering(answer) => Some(answer(request)),
        };
        answer.unwrap_or_else(|| {
            Answer::error(LlmError::new(
                ErrorClass::Invalid,
                PROVIDER,
                "the script has no answer left; write more answers",
            ))
        })
    }

    async fn play(&self, request: &Request) -> Result<Reply, LlmError> {
        let expected = Expectation::of(request, self)?;
        self.record(request);
        let Answer { outcome, gate } = self.next(request);
        if let Some(gate) = gate {
            // A test that dropped its end does not watch, and the answer simply goes.
            gate.reached.send(()).ok();
            let limit = request.timeouts.total;
            timeout(limit, gate.released)
                .await
                .map_err(|_| LlmError::timed_out(PROVIDER, limit))?
                .ok();
        }
        let (text, finish) = outcome?;
        let model = request.model.clone().unwrap_or_else(|| PROVIDER.to_owned());
        let said = request.messages.iter().flat_map(Message::texts);
        let usage = Usage {
            input_tokens: said.chain(request.system.as_deref()).map(words).sum(),
            output_tokens: words(&text),
            ..Usage::default()
        };
        let json = expected
            .read(&text, finish, &model)
            .map_err(|error| error.with_usage(usage))?;
        Ok(Reply {
            text,
            json,
            usage,
            finish,
            model,
            request_id: None,
            remaining: None,
        })
    }
}

/// A token is a word here, so that usage records have something to count.
fn words(text: &str) -> u64 {
    text.split_whitespace().map(|_| 1).sum()
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted")
            .field("received", &*self.received.borrow())
            .finish_non_exhaustive()
    }
}

impl LanguageModel for Scripted {
    fn generate<'a>(&'a self, request: &'a Request) -> ReplyFuture<'a> {
        Box::pin(self.play(request))
    }

    /// Tells the text word by word.
    fn stream<'a>(&'a self, request: &'a Request, on_text: &'a mut (dyn FnMut(&str) + Send)) -> ReplyFuture<'a> {
        Box::pin(async move {
            let reply = self.play(request).await?;
            reply.text.split_inclusive(char::is_whitespace).for_each(on_text);
            Ok(reply)
        })
    }

    fn provider(&self) -> &str {
        PROVIDER
    }

    /// A script looks at nothing, and so it takes everything.
    fn takes(&self, _: MediaKind) -> bool {
        true
    }
}
