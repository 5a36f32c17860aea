//! The platform that shows what it would publish.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::{Capabilities, Outgoing, Platform, SendError, SendFuture, Sent};

/// Far above what any real platform takes, so that nothing is refused that would not be refused there as well.
const MAX_CHARS: usize = 10_000;

/// Writes every post as one line, `published to noop: <text>`, and calls that published.
///
/// Nobody is disturbed by a line written twice, so a delivery may be sent again for a day.
pub struct Noop {
    out: Mutex<Box<dyn Write + Send>>,
}

impl Noop {
    /// A platform that writes to `out`.
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out: Mutex::new(out) }
    }

    fn write(&self, text: &str) -> std::io::Result<()> {
        let line = format!("published to noop: {}\n", one_line(text));
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(line.as_bytes())?;
        out.flush()
    }
}

impl Platform for Noop {
    fn name(&self) -> &'static str {
        "noop"
    }

    fn capabilities(&self) -> Capabilities {
        let idempotency_window = Some(Duration::from_hours(24));
        Capabilities {
            max_chars: MAX_CHARS,
            idempotency_window,
            read_back: false,
        }
    }

    fn send<'a>(&'a self, delivery: &'a Outgoing) -> SendFuture<'a> {
        Box::pin(async move {
            self.write(&delivery.text).map_err(|error| SendError::NotSent {
                retry_after: None,
                detail: format!("could not write the post: {error}"),
            })?;
            Ok(Sent {
                message_id: format!("noop-{}", delivery.nonce),
                deduplicated: false,
            })
        })
    }
}

/// The text with every run of blanks and line breaks as one blank. Other control characters, which could steer the
/// terminal of whoever looks at the line, are shown as a replacement character.
fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars()
        .map(|letter| {
            if letter.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                letter
            }
        })
        .collect()
}
