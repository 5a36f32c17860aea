//! A model that is served on this machine.

use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use botticelli_llm::{Answer, LanguageModel, Scripted, Timeouts};
use botticelli_llm_server::{ServeError, ServerOptions, listen, serve};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// When every answer is given.
pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) drain: CancellationToken,
    pub(crate) serving: JoinHandle<Result<(), ServeError>>,
    client: Client,
}

pub(crate) fn options(model: Arc<dyn LanguageModel>) -> ServerOptions {
    ServerOptions {
        model,
        name: "small".to_owned(),
        fingerprint: "fp".to_owned(),
        timeouts: Timeouts::within(Duration::from_mins(1)),
        places: NonZero::new(8).unwrap(),
        key: None,
        now: || NOW,
    }
}

impl Served {
    pub(crate) async fn with(options: ServerOptions) -> Self {
        let listener = listen("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
        let address = listener.local_addr().unwrap();
        let drain = CancellationToken::new();
        Self {
            address,
            serving: tokio::spawn(serve(listener, options, drain.clone())),
            drain,
            client: Client::new(),
        }
    }

    /// A model that gives `answers`, and the script that it has them from.
    pub(crate) async fn answering(answers: impl IntoIterator<Item = Answer>) -> (Self, Arc<Scripted>) {
        let script = Arc::new(Scripted::in_order(answers));
        (
            Self::with(options(Arc::clone(&script) as Arc<dyn LanguageModel>)).await,
            script,
        )
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("http://{}{path}", self.address))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("http://{}{path}", self.address))
    }

    /// Sends a request for a completion.
    pub(crate) async fn ask(&self, request: &Value) -> Response {
        self.post("/v1/chat/completions").json(request).send().await.unwrap()
    }
}

/// A request with `fields` beside its one message.
pub(crate) fn question(fields: Value) -> Value {
    let mut question = json!({"model": "small", "messages": [{"role": "user", "content": "Hi"}]});
    if let Value::Object(more) = fields {
        question.as_object_mut().unwrap().extend(more);
    }
    question
}

pub(crate) async fn json_of(response: Response) -> Value {
    response.json().await.unwrap()
}

/// Status and error object of a refusal, once its shape is found right.
pub(crate) async fn refusal(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = json_of(response).await;
    let error = body["error"].as_object().unwrap();
    assert_eq!(
        error.keys().collect::<Vec<_>>(),
        ["message", "type", "param", "code"],
        "{body}"
    );
    assert!(error["message"].is_string() && error["type"].is_string(), "{body}");
    (status, body["error"].clone())
}
