//! A picture, a sound, a film or a document, whole.

use std::fmt;
use std::sync::Arc;

use crate::{Mime, SniffError, sniff};

/// Characters of a file name that are kept.
const MAX_NAME: usize = 100;

/// Media that came from outside, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaFile {
    /// What kind of thing it is.
    pub kind: MediaKind,
    /// The type of its content, as [`sniff()`] found it.
    pub mime: Mime,
    /// A name without directories; `media` with the usual ending where none was given.
    pub filename: String,
    /// The content.
    pub bytes: Arc<[u8]>,
}

/// What kind of thing media are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A sound.
    Audio,
    /// A film.
    Video,
    /// A text or a PDF.
    Document,
}

impl MediaFile {
    /// Media of these bytes, if they are what they are declared to be.
    ///
    /// # Errors
    ///
    /// [`SniffError`], as [`sniff()`] has it.
    pub fn new(
        bytes: impl Into<Arc<[u8]>>,
        filename: Option<&str>,
        declared: Option<&str>,
    ) -> Result<Self, SniffError> {
        let bytes = bytes.into();
        let filename = filename.map(plain_name).filter(|name| !name.is_empty());
        let mime = sniff(&bytes, declared, filename.as_deref())?;
        Ok(Self {
            kind: mime.kind(),
            mime,
            filename: filename.unwrap_or_else(|| format!("media.{}", mime.extension())),
            bytes,
        })
    }
}

/// Without the content, which is long and may be private.
impl fmt::Debug for MediaFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.bytes.len();
        write!(formatter, "MediaFile({}, {}, {length} bytes)", self.filename, self.mime)
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Document => "document",
        })
    }
}

/// The last part of a name, without anything that a path, a header or a terminal would take for its own.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = last
        .chars()
        .filter(|letter| !letter.is_control() && !"\"<>|:*?".contains(*letter));
    let plain: String = plain.take(MAX_NAME).collect();
    // `.` and `..` are directories, and a leading dot hides a file.
    plain.trim().trim_start_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_no_directory_and_nothing_that_steers() {
        for (name, expected) in [
            ("cover.png", "cover.png"),
            ("a/b/cover.png", "cover.png"),
            ("..\\..\\cover.png", "cover.png"),
            ("..", ""),
            (".env", "env"),
            ("co\u{1b}[2Jver\r\n.png", "co[2Jver.png"),
            ("\"x\".png", "x.png"),
        ] {
            assert_eq!(plain_name(name), expected, "{name}");
        }
        assert_eq!(plain_name(&"é".repeat(300)).chars().count(), 100);
    }
}
