//! A stub of an LLM behind the chat-completions protocol of `OpenAI`.

mod reply;
mod sample;
mod sentence;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::watch;

pub use reply::LlmReply;

use crate::connections::{Scissors, Served, serve};
use crate::journal::Journal;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct LlmRequest {
    /// The path of the URL.
    pub path: String,
    /// The `Authorization` header, if one was sent.
    pub authorization: Option<String>,
    /// Every header; of a repeated one, each value.
    pub headers: HeaderMap,
    /// The body; `null` when it was not JSON.
    pub body: Value,
}

impl LlmRequest {
    /// The model that was asked for, or an empty text.
    pub fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or_default()
    }

    /// The texts of all messages, in order, one per line; of a message in parts, its text parts.
    pub fn prompt(&self) -> String {
        let messages = self.body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let texts = messages.iter().flat_map(|message| match &message["content"] {
            Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
            content => Vec::from_iter(content.as_str()),
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    /// The JSON schema that the answer has to follow, if one was sent.
    pub fn schema(&self) -> Option<&Value> {
        let schema = &self.body["response_format"]["json_schema"]["schema"];
        (!schema.is_null()).then_some(schema)
    }
}

/// Decides the reply to a request.
type Script = Box<dyn Fn(&LlmRequest) -> LlmReply + Send + Sync>;

#[derive(Default)]
struct Replies {
    queue: VecDeque<LlmReply>,
    script: Option<Script>,
}

struct Shared {
    requests: Journal<LlmRequest>,
    replies: Mutex<Replies>,
    /// The first request that is kept waiting.
    held_from: watch::Sender<usize>,
    samples: AtomicUsize,
}

/// An LLM on the loopback that says what a test tells it to.
///
/// A reply comes from the queue ([`StubLlm::reply_next`]) if there is one, else from the script
/// ([`StubLlm::reply_with`]), else it is made up: valid for the schema in the request, or a sentence without one.
/// Made-up sentences differ from each other, have 12 words or more, and end in a full stop.
pub struct StubLlm {
    shared: Arc<Shared>,
    served: Served,
}

impl StubLlm {
    /// Starts a stub that makes its replies up.
    ///
    /// # Panics
    ///
    /// When no port of the loopback is free.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            requests: Journal::new(),
            replies: Mutex::default(),
            held_from: watch::Sender::new(usize::MAX),
            samples: AtomicUsize::new(0),
        });
        let router = Router::new()
            .route("/v1/chat/completions", post(complete))
            .route("/v1/models", get(models))
            .with_state(Arc::clone(&shared));
        let served = serve(router).await;
        Self { shared, served }
    }

    /// The base URL, `/v1` included, as `OpenAI`'s clients take it.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.served.address)
    }

    /// Queues the reply to one request, behind those queued before.
    pub fn reply_next(&self, reply: LlmReply) {
        self.shared.replies().queue.push_back(reply);
    }

    /// Answers every request that finds the queue empty by `script`.
    pub fn reply_with(&self, script: impl Fn(&LlmRequest) -> LlmReply + Send + Sync + 'static) {
        self.shared.replies().script = Some(Box::new(script));
    }

    /// Leaves requests unanswered from now on. They are recorded at once, and answered after [`StubLlm::release`].
    pub fn hold(&self) {
        self.hold_from(1);
    }

    /// As [`StubLlm::hold`], for request `n` of this stub and all after it, counted from 1.
    pub fn hold_from(&self, n: usize) {
        self.shared.held_from.send_replace(n);
    }

    /// Answers what [`StubLlm::hold`] kept waiting, and answers at once again.
    pub fn release(&self) {
        self.hold_from(usize::MAX);
    }

    /// Every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<LlmRequest> {
        self.shared.requests.all()
    }

    /// Waits for request `n`, counted from 1.
    ///
    /// # Panics
    ///
    /// When it does not come within [`crate::PATIENCE`].
    pub async fn request(&self, n: usize) -> LlmRequest {
        self.shared.requests.nth(n, "LLM request").await
    }
}

impl Shared {
    fn replies(&self) -> MutexGuard<'_, Replies> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply_to(&self, request: &LlmRequest) -> LlmReply {
        let mut replies = self.replies();
        if let Some(queued) = replies.queue.pop_front() {
            return queued;
        }
        if let Some(script) = &replies.script {
            return script(request);
        }
        drop(replies);
        match request.schema() {
            Some(schema) => LlmReply::Json(sample::of(schema, &self.samples)),
            None => LlmReply::Text(sentence::nth(self.samples.fetch_add(1, Ordering::Relaxed))),
        }
    }
}

async fn complete(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let authorization = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let request = LlmRequest {
        path: uri.path().to_owned(),
        authorization,
        headers,
        body,
    };
    // Decided before the wait, so that replies follow the order of arrival.
    let reply = shared.reply_to(&request);
    let number = shared.requests.push(request.clone());
    // An error means that the stub is gone, and with it the need for an answer.
    let _ = shared.held_from.subscribe().wait_for(|first| number < *first).await;
    reply.into_response(&request, &scissors)
}

async fn models() -> Json<Value> {
    Json(json!({ "object": "list", "data": [{ "id": "stub", "object": "model", "owned_by": "testkit" }] }))
}
