//! Telling requests, and whatever else has parts, apart by a hash.

use sha2::{Digest, Sha256};

use crate::{Part, Request};

impl Request {
    /// A hash of everything that is asked: 16 hexadecimal digits of SHA-256. Whom it is asked, the model's name, is left out,
    /// and so is the time that it may take, so that the same question to two models has the same hash.
    pub fn prompt_hash(&self) -> String {
        let mut hasher = Fingerprint::default();
        if let Some(system) = &self.system {
            hasher.add("system", system.as_bytes());
        }
        for message in &self.messages {
            hasher.add("role", [message.role as u8]);
            for part in &*message.parts {
                match part {
                    Part::Text(text) => hasher.add("text", text.as_bytes()),
                    Part::Media(media) => {
                        hasher.add("mime", &media.mime);
                        hasher.add("media", &media.bytes);
                    }
                }
            }
        }
        hasher.add_shown("schema", self.schema.as_ref());
        hasher.add_shown("max_tokens", self.max_tokens);
        hasher.add_shown("temperature", self.temperature);
        hasher.add_shown("top_p", self.top_p);
        for text in &self.stop {
            hasher.add("stop", text);
        }
        hasher.add_shown("seed", self.seed);
        hasher.finish()
    }
}

/// A hash over named values; their order counts.
#[derive(Debug, Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Adds a named value. Lengths stand in front, so that no two lists of values look alike.
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        for part in [name.as_bytes(), value.as_ref()] {
            self.0.update(part.len().to_le_bytes());
            self.0.update(part);
        }
    }

    /// The hash of what was added: 16 hexadecimal digits of SHA-256.
    pub fn finish(self) -> String {
        first_digits(&self.0.finalize(), 8)
    }

    fn add_shown(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.add(name, value.to_string());
        }
    }
}

/// The first `bytes` of a digest in hexadecimal digits.
pub(crate) fn first_digits(digest: &[u8], bytes: usize) -> String {
    use std::fmt::Write as _;

    let first = digest.iter().take(bytes);
    first.fold(String::new(), |mut digits, byte| {
        // Writing into a text cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::{Media, MediaKind, Message, Role, Timeouts};

    fn request() -> Request {
        Request::of([Message::user("Hello")], Timeouts::within(Duration::from_secs(1)))
    }

    #[test]
    fn everything_that_is_asked_counts_and_nothing_else_does() {
        let picture = |bytes: &[u8]| {
            let media = Media {
                kind: MediaKind::Image,
                mime: "image/png".to_owned(),
                filename: None,
                bytes: bytes.into(),
            };
            vec![Message::of(Role::User, [Part::Media(media.into())])]
        };
        let with = |change: &dyn Fn(&mut Request)| {
            let mut changed = request();
            change(&mut changed);
            changed.prompt_hash()
        };
        let changed = [
            with(&|_| {}),
            with(&|request| request.system = Some("Brief".into())),
            with(&|request| request.messages = vec![Message::user("Hullo")]),
            with(&|request| request.messages = vec![Message::assistant("Hello")]),
            with(&|request| request.messages = vec![Message::user("Hel"), Message::user("lo")]),
            with(&|request| request.messages = picture(&[1])),
            with(&|request| request.messages = picture(&[2])),
            with(&|request| request.schema = Some(json!({"type": "object"}).into())),
            with(&|request| request.max_tokens = Some(7)),
            with(&|request| request.temperature = Some(0.5)),
            with(&|request| request.top_p = Some(0.5)),
            with(&|request| request.stop = vec![".".to_owned()]),
            with(&|request| request.seed = Some(7)),
        ];
        let mut different = changed.to_vec();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), changed.len(), "{changed:?}");
        assert!(changed.iter().all(|hash| hash.len() == 16), "{changed:?}");

        let same = with(&|request| {
            request.model = Some("other".to_owned());
            request.timeouts = Timeouts::within(Duration::from_secs(9));
        });
        assert_eq!(same, request().prompt_hash());
    }
}
