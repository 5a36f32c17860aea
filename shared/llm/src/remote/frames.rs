//! Events in a stream of bytes, wherever the network has cut it.
//!
//! Server-sent events as the HTML standard describes them (section 9.2.6), but for the names and the retry times of events,
//! which no provider needs: what an event is stands in its data.

use std::collections::VecDeque;

use super::connection::BODY_LIMIT;

/// A stream is longer than its text: every word of it comes in an envelope of a few hundred bytes.
const STREAM_LIMIT: usize = 64 * BODY_LIMIT;

/// Bytes that are kept of a stream without events.
const QUOTED: usize = 512;

/// How events are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// `data:` lines, and a blank line behind each event.
    ServerSentEvents,
    /// One JSON document on each line.
    Lines,
}

/// The reader of one stream.
pub(super) struct Frames {
    framing: Framing,
    line: Vec<u8>,
    /// The data of the event that is being read; `None` until its first line.
    data: Option<Vec<u8>>,
    events: VecDeque<Vec<u8>>,
    /// Whether a line feed now would belong to the carriage return before it.
    after_return: bool,
    is_first_line: bool,
    has_events: bool,
    /// The stream's first bytes, to be quoted when it is none.
    beginning: Vec<u8>,
    length: usize,
}

impl Frames {
    pub(super) fn new(framing: Framing) -> Self {
        Self {
            framing,
            line: Vec::new(),
            data: None,
            events: VecDeque::new(),
            after_return: false,
            is_first_line: true,
            has_events: false,
            beginning: Vec::new(),
            length: 0,
        }
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, chunk: &[u8]) {
        self.length = self.length.saturating_add(chunk.len());
        let quoted = QUOTED.saturating_sub(self.beginning.len()).min(chunk.len());
        self.beginning.extend_from_slice(&chunk[..quoted]);
        for &byte in chunk {
            let after_return = std::mem::take(&mut self.after_return);
            match byte {
                b'\n' if after_return => {}
                b'\n' => self.end_line(),
                b'\r' => {
                    self.after_return = true;
                    self.end_line();
                }
                byte => self.line.push(byte),
            }
        }
    }

    /// Takes what stands behind the last line break, which the standard would throw away: some services forget it.
    pub(super) fn close(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.end_event();
    }

    /// The next event that is whole.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        self.events.pop_front()
    }

    /// Whether there was an event.
    pub(super) fn has_events(&self) -> bool {
        self.has_events
    }

    /// The stream's first bytes.
    pub(super) fn beginning(&self) -> &[u8] {
        &self.beginning
    }

    /// Whether this is no answer any more, but a flood.
    pub(super) fn is_too_long(&self) -> bool {
        let data = self.data.as_ref().map_or(0, Vec::len);
        self.length > STREAM_LIMIT || self.line.len() + data > BODY_LIMIT
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if std::mem::take(&mut self.is_first_line) {
            // A byte order mark.
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        match self.framing {
            Framing::Lines => {
                if !line.trim_ascii().is_empty() {
                    self.data = Some(line.to_vec());
                    self.end_event();
                }
            }
            Framing::ServerSentEvents if line.is_empty() => self.end_event(),
            Framing::ServerSentEvents => {
                let Some(value) = line.strip_prefix(b"data").and_then(after_colon) else {
                    // A comment, or a field that says nothing here.
                    return;
                };
                match &mut self.data {
                    Some(data) => {
                        data.push(b'\n');
                        data.extend_from_slice(value);
                    }
                    None => self.data = Some(value.to_vec()),
                }
            }
        }
    }

    fn end_event(&mut self) {
        if let Some(data) = self.data.take() {
            self.has_events = true;
            self.events.push_back(data);
        }
    }
}

/// What a field's name is followed by: nothing, or a colon, a blank that may be missing, and the value.
fn after_colon(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [] => Some(rest),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(framing: Framing, stream: &[u8], piece: usize) -> Vec<String> {
        let mut frames = Frames::new(framing);
        stream.chunks(piece).for_each(|chunk| frames.feed(chunk));
        frames.close();
        std::iter::from_fn(|| frames.next())
            .map(|event| String::from_utf8_lossy(&event).into_owned())
            .collect()
    }

    const STREAM: &str = "\u{feff}: hello\nevent: message\ndata: {\"a\":\ndata: \"\u{e9}\"}\n\nid: 7\ndata:two\n\n\ndata\n\n: beat\n\ndata: last";

    #[test]
    fn events_are_the_same_wherever_the_stream_is_cut_and_however_lines_end() {
        let expected = ["{\"a\":\n\"é\"}", "two", "", "last"];
        for end in ["\n", "\r\n", "\r"] {
            let stream = STREAM.replace('\n', end);
            for piece in 1..=stream.len() {
                let heard = events(Framing::ServerSentEvents, stream.as_bytes(), piece);
                assert_eq!(heard, expected, "{end:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn lines_are_events_but_for_blank_ones() {
        for piece in 1..12 {
            let heard = events(Framing::Lines, b"{\"a\":1}\r\n\n  \n{\"b\":2}\n{\"c\"", piece);
            assert_eq!(heard, ["{\"a\":1}", "{\"b\":2}", "{\"c\""]);
        }
    }

    #[test]
    fn an_event_waits_for_its_blank_line() {
        let mut frames = Frames::new(Framing::ServerSentEvents);
        frames.feed(b"data: one\n");
        assert_eq!(frames.next(), None);
        assert!(!frames.has_events());
        frames.feed(b"\r\n");
        assert_eq!(frames.next().as_deref(), Some(&b"one"[..]));
        assert!(frames.has_events());
    }

    #[test]
    fn a_line_without_end_is_a_flood() {
        let mut frames = Frames::new(Framing::ServerSentEvents);
        frames.feed(&vec![b'x'; BODY_LIMIT]);
        assert!(!frames.is_too_long());
        frames.feed(b"x");
        assert!(frames.is_too_long());
    }
}
