//! A model service that answers each chat completion after a fixed time, in a process of its own, so that nobody pays for it.

use std::{
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::post,
};
use clap::Args;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpSocket,
    process::{Child, Command},
};

/// What it answers, whatever is asked: two sentences, as the narratives ask for them.
const ANSWER: &str = "Start every meeting with one minute of silence, so that everybody arrives with their thoughts before the \
                      first word is said. It costs nothing, it calms the room, and people who try it for a week tend to keep it.";

/// The same as JSON, within the text of the answer.
const JSON_ANSWER: &str =
    r#"{\"body\": \"Start every meeting with one minute of silence, so that everybody arrives.\"}"#;

#[derive(Args)]
pub(crate) struct Provider {
    /// Milliseconds from a request to its answer.
    #[arg(long, default_value_t = 200)]
    latency: u64,
}

pub(crate) async fn run(options: &Provider) -> anyhow::Result<()> {
    // All of a thousand connect at once; who finds the line full comes back after a second.
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let listener = socket.listen(4096)?;
    println!("http://{}/v1", listener.local_addr()?);
    std::io::stdout().flush()?;
    let latency = Duration::from_millis(options.latency);
    let router = Router::new()
        .route("/v1/chat/completions", post(complete))
        .with_state(Arc::new(latency));
    let ended = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    axum::serve(listener, router)
        .with_graceful_shutdown(async { drop(ended.await) })
        .await?;
    Ok(())
}

/// Tokens of the prompt are the bytes of the request, which is what the figures compare.
async fn complete(State(latency): State<Arc<Duration>>, body: Bytes) -> Response {
    if !latency.is_zero() {
        tokio::time::sleep(*latency).await;
    }
    let wants_json = body.windows(17).any(|part| part == br#""response_format""#);
    let text = if wants_json { JSON_ANSWER } else { ANSWER };
    let (prompt, completion) = (body.len(), text.len().div_ceil(4));
    let total = prompt + completion;
    let answer = format!(
        r#"{{"id":"chatcmpl-bench","object":"chat.completion","created":1790000000,"model":"bench","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null}},"finish_reason":"stop","logprobs":null}}],"usage":{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{total}}}}}"#
    );
    ([(CONTENT_TYPE, "application/json")], answer).into_response()
}

/// A service that runs until this is dropped.
pub(crate) struct Running {
    pub(crate) url: String,
    _process: Option<Child>,
}

impl Running {
    /// The service at `url`; without one, a new process with this `latency`.
    pub(crate) async fn at(url: Option<&str>, latency: u64) -> anyhow::Result<Self> {
        if let Some(url) = url {
            return Ok(Self {
                url: url.to_owned(),
                _process: None,
            });
        }
        let mut process = Command::new(std::env::current_exe()?)
            .args(["provider", "--latency", &latency.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let said = process.stdout.take().context("no output")?;
        let url = BufReader::new(said).lines().next_line().await?;
        Ok(Self {
            url: url.context("the service ended before it ran")?,
            _process: Some(process),
        })
    }
}
