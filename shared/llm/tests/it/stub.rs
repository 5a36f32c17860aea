//! A service on this machine that does what it is told, down to the byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// One request as the service saw it.
#[derive(Clone)]
pub(crate) struct Seen {
    /// With its query.
    pub(crate) path: String,
    /// With names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

/// What the service does next. After the last act it closes the connection.
#[derive(Clone)]
pub(crate) enum Act {
    Send(Vec<u8>),
    /// Waits until the other side hangs up.
    Stall,
}

/// Gives every request the same response.
pub(crate) struct Stub {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    arrived: watch::Receiver<usize>,
    hung_up: watch::Receiver<usize>,
}

impl Stub {
    pub(crate) async fn playing(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (come, arrived) = watch::channel(0);
        let (leave, hung_up) = watch::channel(0);
        tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    let (seen, acts) = (Arc::clone(&seen), acts.clone());
                    let (come, leave) = (come.clone(), leave.clone());
                    tokio::spawn(async move {
                        let Some(request) = read(&mut stream).await else {
                            return;
                        };
                        seen.lock().unwrap().push(request);
                        come.send_modify(|count| *count += 1);
                        for act in acts {
                            match act {
                                // Whoever hung up does not hear it.
                                Act::Send(bytes) => stream.write_all(&bytes).await.unwrap_or_default(),
                                Act::Stall => while stream.read_u8().await.is_ok() {},
                            }
                        }
                        leave.send_modify(|count| *count += 1);
                    });
                }
            }
        });
        Self {
            address,
            seen,
            arrived,
            hung_up,
        }
    }

    pub(crate) async fn saying(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self::playing(response(status, &[("content-type", "application/json")], body.as_ref())).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until a request is here.
    pub(crate) async fn arrived(&self) {
        self.arrived.clone().wait_for(|count| *count > 0).await.unwrap();
    }

    /// Waits until a connection is over.
    pub(crate) async fn hung_up(&self) {
        self.hung_up.clone().wait_for(|count| *count > 0).await.unwrap();
    }
}

/// The head of a response, with the headers that end it.
pub(crate) fn head(status: u16, headers: &[(&str, &str)]) -> String {
    let mut head = format!("HTTP/1.1 {status} As Told\r\nconnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    head + "\r\n"
}

/// A response that comes in one piece.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<Act> {
    let length = body.len().to_string();
    let headers = [headers, &[("content-length", &length)]].concat();
    vec![Act::Send([head(status, &headers).as_bytes(), body].concat())]
}

/// How a streamed response ends.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Close {
    /// As it should.
    Clean,
    /// In the middle of the body.
    Cut,
    /// Not at all.
    Stall,
}

/// A response in the pieces of `body`, each of which is a chunk of HTTP.
pub(crate) fn streamed(content_type: &str, body: &[&[u8]], close: Close) -> Vec<Act> {
    let headers = [("content-type", content_type), ("transfer-encoding", "chunked")];
    let mut bytes = head(200, &headers).into_bytes();
    for piece in body {
        bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(b"\r\n");
    }
    if close == Close::Clean {
        bytes.extend_from_slice(b"0\r\n\r\n");
    }
    let stall = (close == Close::Stall).then_some(Act::Stall);
    std::iter::once(Act::Send(bytes)).chain(stall).collect()
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let body_at = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..body_at]).into_owned();
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length")?.parse().ok()?;
    while bytes.len() < body_at + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = serde_json::from_slice(&bytes[body_at..]).unwrap_or_default();
    Some(Seen { path, headers, body })
}
