//! An answer as server-sent events, one chunk for each piece of its text.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use botticelli_llm::{LlmError, Reply};
use futures_util::{Stream, StreamExt as _, stream};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::completion::{Chunk, Ended, News};
use crate::desk::{Desk, Stamp};
use crate::question::Question;
use crate::refusal::{ErrorBody, Refusal};

/// The last event of every answer.
const DONE: &str = "[DONE]";

/// Answers `question` once it is known whether there is an answer: what fails before its first word is a status of HTTP.
///
/// # Errors
///
/// Such a failure.
pub(crate) async fn answer(
    desk: Arc<Desk>,
    place: OwnedSemaphorePermit,
    question: Question,
) -> Result<Response, Refusal> {
    let mut told = Box::pin(Telling::of(desk, place, question));
    let events = match told.next().await {
        Some(Told::Failed(refusal)) => return Err(refusal),
        first => stream::iter(first).chain(told),
    };
    let events = events.map(|told| {
        let data = match told {
            Told::Chunk(data) => data,
            Told::Failed(refusal) => json(&ErrorBody { error: &refusal.error }),
            Told::Done => DONE.to_owned(),
        };
        Ok::<_, Infallible>(Event::default().data(data))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// What a client is told next.
enum Told {
    /// A chunk in JSON.
    Chunk(String),
    /// There will be no more of it, for this reason.
    Failed(Refusal),
    Done,
}

/// The model at work, and what it has told so far. Whoever drops it ends the work.
struct Telling {
    work: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    told: UnboundedReceiver<Told>,
}

impl Telling {
    fn of(desk: Arc<Desk>, place: OwnedSemaphorePermit, question: Question) -> Self {
        let (tell, told) = unbounded_channel();
        let work = async move {
            let mut teller = Teller {
                stamp: desk.stamp(),
                tells_usage: question.tells_usage,
                desk: &desk,
                said: String::new(),
                tell,
            };
            let mut on_text = |piece: &str| teller.text(piece);
            let result = desk.options.model.stream(&question.request, &mut on_text).await;
            teller.end(result, &question);
            drop(place);
        };
        Self {
            work: Some(Box::pin(work)),
            told,
        }
    }
}

impl Stream for Telling {
    type Item = Told;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Told>> {
        let work = self.work.as_mut();
        if work.is_some_and(|work| work.as_mut().poll(context).is_ready()) {
            self.work = None;
        }
        self.told.poll_recv(context)
    }
}

struct Teller<'a> {
    desk: &'a Desk,
    stamp: Stamp,
    tells_usage: bool,
    /// What the client has of the text.
    said: String,
    tell: UnboundedSender<Told>,
}

impl Teller<'_> {
    fn text(&mut self, piece: &str) {
        if piece.is_empty() {
            return;
        }
        if self.said.is_empty() {
            self.chunk(&News::Begin);
        }
        self.said.push_str(piece);
        self.chunk(&News::Text(piece));
    }

    fn end(&mut self, result: Result<Reply, LlmError>, question: &Question) {
        let ended = match Ended::of(result, &question.request) {
            Ok(ended) => ended,
            Err(refusal) => return self.send(Told::Failed(refusal)),
        };
        // Of an answer that was cut, not everybody tells the pieces.
        if let Some(rest) = ended.text.strip_prefix(self.said.as_str()) {
            self.text(rest);
        }
        if self.said.is_empty() {
            self.chunk(&News::Begin);
        }
        self.chunk(&News::End(ended.finish));
        if self.tells_usage {
            self.chunk(&News::Usage(&ended.usage));
        }
        self.send(Told::Done);
    }

    fn chunk(&self, news: &News<'_>) {
        let chunk = Chunk::of(self.desk, &self.stamp, self.tells_usage, news);
        self.send(Told::Chunk(json(&chunk)));
    }

    fn send(&self, told: Told) {
        // The other end lives as long as this one.
        self.tell.send(told).ok();
    }
}

/// All that is written here is texts and numbers, which JSON has words for.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
