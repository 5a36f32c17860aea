use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use botticelli_llm::{OpenAi, OpenAiOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// One request as the service saw it.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// A service on this machine that gives every request the same response.
pub(crate) struct Stub {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Clone)]
struct Service {
    respond: Arc<dyn Fn() -> Response + Send + Sync>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Stub {
    pub(crate) async fn responding(respond: impl Fn() -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let service = Service {
            respond: Arc::new(respond),
            seen: Arc::clone(&seen),
        };
        let router = Router::new().fallback(handle).with_state(service);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, seen }
    }

    pub(crate) async fn saying(status: u16, body: &str) -> Self {
        let body = body.to_owned();
        let status = StatusCode::from_u16(status).unwrap();
        Self::responding(move || (status, body.clone()).into_response()).await
    }

    /// A service that completes every chat with `message` for `reason`.
    pub(crate) async fn completing(message: Value, reason: &str) -> Self {
        Self::saying(200, &completion(&message, reason).to_string()).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn client(&self) -> OpenAi {
        client(&self.url())
    }
}

async fn handle(State(service): State<Service>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let path = uri.path().to_owned();
    service.seen.lock().unwrap().push(Seen { path, headers, body });
    (service.respond)()
}

/// The address of a peer that reads the request, sends `first` and hangs up.
pub(crate) async fn hanging_up_after(first: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // Hanging up on unread bytes is a reset, which may overtake the answer.
            let mut request = Vec::new();
            while !request.ends_with(b"}") && stream.read_buf(&mut request).await.is_ok_and(|length| length > 0) {}
            stream.write_all(first.as_bytes()).await.ok();
        }
    });
    format!("http://{address}")
}

pub(crate) const KEY: &str = "sk-test-0123456789";

pub(crate) fn client(base_url: &str) -> OpenAi {
    OpenAi::new(OpenAiOptions {
        base_url: base_url.to_owned(),
        api_key: Some(KEY.into()),
        model: "small".to_owned(),
    })
    .unwrap()
}

/// The body of a completion as the service writes it.
pub(crate) fn completion(message: &Value, reason: &str) -> Value {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "small-2026-01-01",
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": reason}],
        "usage": {
            "prompt_tokens": 19,
            "completion_tokens": 10,
            "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 7, "audio_tokens": 0},
        },
        "system_fingerprint": "fp_1",
    })
}

pub(crate) fn said(content: &str) -> Value {
    json!({"role": "assistant", "content": content, "refusal": null})
}
