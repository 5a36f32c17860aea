//! A collector on a free local port, as small as it gets.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use botticelli_telemetry::{LogFormat, TelemetryOptions};

pub(crate) type TestResult = Result<(), Box<dyn Error>>;

/// Only there to end a test that hangs.
pub(crate) const HANG_GUARD: Duration = Duration::from_mins(1);

pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

/// Starts a collector that accepts everything; answers with its address and the requests it gets.
pub(crate) fn accepting() -> Result<(String, Receiver<Request>), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", listener.local_addr()?);
    let (requests, received) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let requests = requests.clone();
            thread::spawn(move || answer(&stream, &requests));
        }
    });
    Ok((address, received))
}

fn answer(stream: &TcpStream, requests: &Sender<Request>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut content_type) = (0, String::new());
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap_or_default();
            }
            Some((name, value)) if name.eq_ignore_ascii_case("content-type") => {
                value.clone_into(&mut content_type);
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    // A test that has seen enough has dropped the receiver.
    let _ = requests.send(Request {
        path,
        content_type,
        body,
    });
    Ok(())
}

/// Starts a collector that takes connections and never says a word. It lives until the test process ends.
pub(crate) fn hanging() -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        let held: Vec<_> = listener.incoming().flatten().collect();
        drop(held);
    });
    Ok(address)
}

pub(crate) fn options(otlp_endpoint: Option<String>) -> TelemetryOptions {
    TelemetryOptions {
        service_role: "worker",
        instance_id: "instance-1".to_owned(),
        log_filter: "off".to_owned(),
        log_format: LogFormat::Json,
        otlp_endpoint,
        ansi: false,
    }
}
