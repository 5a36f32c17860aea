//! A conversation: who said what, and what they showed.

use std::{borrow::Cow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::prompt_hash::first_digits;

/// Who said a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The prompt's side.
    User,
    /// The model's side.
    Assistant,
}

/// One turn of a conversation. A clone shares its payload with the original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who said it.
    pub role: Role,
    /// What was said and shown, in that order.
    pub parts: Arc<[Part]>,
}

/// One part of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Words.
    Text(Arc<str>),
    /// Something to look at or to listen to.
    Media(Arc<Media>),
}

/// A file in a conversation.
#[derive(Clone, PartialEq, Eq)]
pub struct Media {
    /// What kind of file it is, which decides who can take it.
    pub kind: MediaKind,
    /// Its MIME type, for example `image/png`.
    pub mime: String,
    /// Its name, for providers and models that care.
    pub filename: Option<String>,
    /// The file itself. It is encoded where it is sent and nowhere before.
    pub bytes: Arc<[u8]>,
}

/// The kinds of files that models can take, each of them some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// A document with pages, such as a PDF.
    Document,
}

impl Message {
    /// The prompt's side says `text`.
    pub fn user(text: impl Into<Arc<str>>) -> Self {
        Self::of(Role::User, [Part::Text(text.into())])
    }

    /// The model's side says `text`.
    pub fn assistant(text: impl Into<Arc<str>>) -> Self {
        Self::of(Role::Assistant, [Part::Text(text.into())])
    }

    /// `role` says and shows `parts`.
    pub fn of(role: Role, parts: impl Into<Arc<[Part]>>) -> Self {
        Self {
            role,
            parts: parts.into(),
        }
    }

    /// The words of the turn, its text parts with a blank line between them.
    pub fn text(&self) -> Cow<'_, str> {
        let mut texts = self.texts();
        match (texts.next(), texts.next()) {
            (Some(only), None) => Cow::Borrowed(only),
            _ => Cow::Owned(self.texts().collect::<Vec<_>>().join("\n\n")),
        }
    }

    /// The text parts.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(&**text),
            Part::Media(_) => None,
        })
    }

    /// The files.
    pub fn media(&self) -> impl Iterator<Item = &Media> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Media(media) => Some(&**media),
        })
    }
}

impl Role {
    /// The side's name, as most services have it: `user` or `assistant`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

impl Media {
    /// The SHA-256 of the file, in hexadecimal digits.
    pub fn sha256(&self) -> String {
        first_digits(&Sha256::digest(&self.bytes), 32)
    }
}

impl MediaKind {
    /// The kind's name in settings and messages: `image`, `audio`, `video` or `document`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Document => "document",
        }
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Tells the length in place of the bytes, which may be millions.
impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Media")
            .field("kind", &self.kind)
            .field("mime", &self.mime)
            .field("filename", &self.filename)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloned_conversation_shares_its_payload() {
        let message = Message::user("a long text");
        assert!(Arc::ptr_eq(&message.parts, &message.clone().parts));
    }

    #[test]
    fn the_text_of_a_turn_leaves_its_files_out() {
        let media = Media {
            kind: MediaKind::Image,
            mime: "image/png".to_owned(),
            filename: None,
            bytes: Arc::from([1, 2, 3]),
        };
        let shown = format!("{media:?}");
        let parts = [
            Part::Text("one".into()),
            Part::Media(media.into()),
            Part::Text("two".into()),
        ];
        let message = Message::of(Role::User, parts);
        assert_eq!(message.text(), "one\n\ntwo");
        assert_eq!(message.media().count(), 1);
        assert!(shown.contains("bytes: 3"), "{shown}");
    }
}
