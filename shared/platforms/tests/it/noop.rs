//! The platform that only shows.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use botticelli_platforms::{Noop, Outgoing, Platform, SendError, nonce_for};

use crate::TestResult;

/// Keeps what is written to it.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A pipe that nobody reads any more.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn post(text: &str) -> Outgoing {
    Outgoing {
        channel: None,
        text: text.to_owned(),
        nonce: nonce_for(7, 0),
    }
}

#[tokio::test]
async fn a_post_is_one_line_whatever_is_in_it() -> TestResult {
    let page = Page::default();
    let noop = Noop::new(Box::new(page.clone()));
    let sent = noop.send(&post("First line.\n\n  Second\u{1b}[2J line.\r\n")).await?;
    assert_eq!(page.text(), "published to noop: First line. Second\u{fffd}[2J line.\n");
    assert_eq!(sent.message_id, format!("noop-{}", nonce_for(7, 0)));
    Ok(())
}

#[tokio::test]
async fn a_closed_output_is_a_post_that_was_not_sent() {
    let noop = Noop::new(Box::new(Closed));
    let outcome = noop.send(&post("Hello.")).await;
    assert!(matches!(outcome, Err(SendError::NotSent { .. })), "{outcome:?}");
}
