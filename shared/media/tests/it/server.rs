//! A server that writes what it is told to, whatever HTTP has to say about it.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Answers every connection with the same bytes. It ends when it is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    requests: watch::Receiver<Vec<String>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What comes after the first bytes of an answer.
#[derive(Clone, Copy)]
pub(crate) enum After {
    /// The connection is closed.
    Close,
    /// Nothing, for ever.
    Silence,
    /// The same bytes, for ever.
    Again(&'static [u8]),
}

impl Server {
    pub(crate) async fn start(answer: impl Into<Vec<u8>>, after: After) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer: Arc<[u8]> = answer.into().into();
        let (arrived, requests) = watch::channel(Vec::new());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answer), after, arrived.clone()));
            }
        });
        Self { port, requests, task }
    }

    /// A server that answers with media of a type.
    pub(crate) async fn of(content_type: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n");
        Self::start([head.as_bytes(), body].concat(), After::Close).await
    }

    /// A server that sends on to another URL.
    pub(crate) async fn redirecting_to(location: &str) -> Self {
        let head = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        Self::start(head, After::Close).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The heads of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.borrow().clone()
    }
}

async fn serve(mut stream: TcpStream, answer: Arc<[u8]>, after: After, arrived: watch::Sender<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    arrived.send_modify(|requests| requests.push(String::from_utf8_lossy(&head).into_owned()));
    if stream.write_all(&answer).await.is_err() {
        return;
    }
    match after {
        After::Close => {}
        After::Silence => std::future::pending().await,
        After::Again(bytes) => while stream.write_all(bytes).await.is_ok() {},
    }
}
