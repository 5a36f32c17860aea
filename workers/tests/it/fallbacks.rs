//! An act whose first two providers fail, each in its own wire format, is answered by the third.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use botticelli_testkit::LlmReply;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::bench::{Bench, Options};

const SAY: &str = r#"
toc = ["say"]
[narrative]
name = "say"
description = "Says something."
target = "thoughts"
[acts.say]
prompt = "Say something."
model = "claude-sonnet-4-5"
fallback = ["gemini-2.5-flash", "openai/"]
"#;

/// A service that gives every request the same answer.
struct Failing {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Failing {
    async fn with(head: &'static str, body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                // The end of a body of JSON in which nothing else ends so.
                while !request.ends_with(b"}") && stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {}
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = format!(
                    "HTTP/1.1 {head}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap_or_default();
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_third_provider_answers_where_one_is_overloaded_and_the_next_has_no_quota() {
    // <https://docs.anthropic.com/en/api/errors>, <https://ai.google.dev/gemini-api/docs/troubleshooting>
    let claude = Failing::with(
        "529 Overloaded",
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
    )
    .await;
    let gemini = Failing::with(
        "429 Too Many Requests",
        r#"{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}}"#,
    )
    .await;
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "k").unwrap();
    let key = key.path().display();
    let more = format!(
        r#"
[providers.claude]
wire = "anthropic"
base_url = "http://{}"
api_key_file = "{key}"
model = "claude-sonnet-4-5"
[providers.gemini]
wire = "gemini"
base_url = "http://{}"
api_key_file = "{key}"
model = "gemini-2.5-flash"
"#,
        claude.address, gemini.address
    );
    let bench = Bench::with(Options {
        narrative: Some(SAY),
        more: more.leak(),
        ..Options::default()
    })
    .await;
    bench
        .llm
        .reply_next(LlmReply::Json(serde_json::json!({ "text": "Hello" })));
    bench.enqueue("say").await;
    bench.ended(1).await;

    assert_eq!(bench.runs().await, ["1|success|"]);
    assert_eq!((claude.requests(), gemini.requests()), (1, 1));
    assert_eq!(
        bench
            .database
            .rows("select text from botticelli_content.thoughts")
            .await,
        ["Hello"]
    );
    let calls = "select provider, model, state, coalesce(error_class, '') from botticelli.ended_calls order by id";
    assert_eq!(
        bench.database.rows(calls).await,
        [
            "claude|claude-sonnet-4-5|failed|overloaded",
            "gemini|gemini-2.5-flash|failed|quota_exhausted",
            "openai|stub|settled|"
        ]
    );
}
