//! What bytes are, whatever they are called.

use std::fmt;

use crate::MediaKind;

/// A type of media that narratives may bring in. There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mime {
    /// `image/png`.
    Png,
    /// `image/jpeg`.
    Jpeg,
    /// `image/gif`.
    Gif,
    /// `image/webp`.
    Webp,
    /// `audio/mpeg`.
    Mp3,
    /// `audio/wav`.
    Wav,
    /// `audio/ogg`.
    Ogg,
    /// `video/mp4`.
    Mp4,
    /// `video/webm`.
    Webm,
    /// `application/pdf`.
    Pdf,
    /// `text/plain`.
    Text,
    /// `text/markdown`.
    Markdown,
    /// `application/json`.
    Json,
}

/// A type, its name, its kind, its endings with the usual one first, and other names of it.
struct Known(
    Mime,
    &'static str,
    MediaKind,
    &'static [&'static str],
    &'static [&'static str],
);

/// The names are those of <https://www.iana.org/assignments/media-types>; the other names are what servers send.
const KNOWN: &[Known] = &[
    Known(Mime::Png, "image/png", MediaKind::Image, &["png"], &["image/x-png"]),
    Known(
        Mime::Jpeg,
        "image/jpeg",
        MediaKind::Image,
        &["jpg", "jpeg"],
        &["image/jpg", "image/pjpeg"],
    ),
    Known(Mime::Gif, "image/gif", MediaKind::Image, &["gif"], &[]),
    Known(Mime::Webp, "image/webp", MediaKind::Image, &["webp"], &[]),
    Known(
        Mime::Mp3,
        "audio/mpeg",
        MediaKind::Audio,
        &["mp3"],
        &["audio/mp3", "audio/mpeg3", "audio/x-mpeg-3"],
    ),
    Known(
        Mime::Wav,
        "audio/wav",
        MediaKind::Audio,
        &["wav"],
        &["audio/x-wav", "audio/wave", "audio/vnd.wave"],
    ),
    Known(
        Mime::Ogg,
        "audio/ogg",
        MediaKind::Audio,
        &["ogg"],
        &["application/ogg", "audio/opus"],
    ),
    Known(Mime::Mp4, "video/mp4", MediaKind::Video, &["mp4"], &[]),
    Known(Mime::Webm, "video/webm", MediaKind::Video, &["webm"], &[]),
    Known(
        Mime::Pdf,
        "application/pdf",
        MediaKind::Document,
        &["pdf"],
        &["application/x-pdf"],
    ),
    Known(Mime::Text, "text/plain", MediaKind::Document, &["txt"], &[]),
    Known(
        Mime::Markdown,
        "text/markdown",
        MediaKind::Document,
        &["md"],
        &["text/x-markdown"],
    ),
    Known(
        Mime::Json,
        "application/json",
        MediaKind::Document,
        &["json"],
        &["text/json"],
    ),
];

/// What servers say of what they do not know.
const SAYS_NOTHING: &[&str] = &["application/octet-stream", "binary/octet-stream", "application/unknown"];

impl Mime {
    /// Every type there is.
    pub fn all() -> impl Iterator<Item = Self> {
        KNOWN.iter().map(|known| known.0)
    }

    /// The type of a name as it stands in headers and documents, parameters and capitals included; `None` for a type
    /// that is none of these.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let known = KNOWN
            .iter()
            .find(|known| known.1 == name || known.4.contains(&name.as_str()));
        known.map(|known| known.0)
    }

    /// The type of a file's ending; `None` for an ending that belongs to none of these.
    pub fn of_filename(name: &str) -> Option<Self> {
        let extension = name.rsplit_once('.')?.1.to_ascii_lowercase();
        let known = KNOWN.iter().find(|known| known.3.contains(&extension.as_str()));
        known.map(|known| known.0)
    }

    /// The name of the type, `image/png`.
    pub fn name(self) -> &'static str {
        self.known().map_or("text/plain", |known| known.1)
    }

    /// What kind of thing it is.
    pub fn kind(self) -> MediaKind {
        self.known().map_or(MediaKind::Document, |known| known.2)
    }

    /// The usual ending, without its dot.
    pub fn extension(self) -> &'static str {
        self.known().and_then(|known| known.3.first()).copied().unwrap_or("txt")
    }

    fn known(self) -> Option<&'static Known> {
        KNOWN.iter().find(|known| known.0 == self)
    }

    fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Markdown | Self::Json)
    }
}

impl fmt::Display for Mime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Why bytes are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SniffError {
    /// There are none.
    #[error("the content is empty")]
    Empty,
    /// They are none of the types.
    #[error("the content is none of {}", names())]
    Unknown,
    /// The declared type is none of the types.
    #[error("the type `{declared}` is none of {}", names())]
    UnknownType {
        /// What was declared.
        declared: String,
    },
    /// They are something else than declared.
    #[error("the content is declared as `{declared}` and is `{found}`; correct the one or the other")]
    Contradiction {
        /// The type that was declared.
        declared: Mime,
        /// The type of the content.
        found: Mime,
    },
    /// The ending of the name belongs to another kind of thing.
    #[error("the name `{filename}` ends like {expected} and the content is `{found}`; look at what the file holds")]
    WrongExtension {
        /// The name.
        filename: String,
        /// The kind that the ending belongs to.
        expected: MediaKind,
        /// The type of the content.
        found: Mime,
    },
    /// They are declared as JSON and cannot be read as that.
    #[error("the content is declared as JSON and is not: {detail}")]
    NotJson {
        /// What is wrong, and where.
        detail: String,
    },
}

/// The type of some bytes, by what is in them.
///
/// `declared` is a type that somebody vouches for, a header or a key of a document; one that says nothing, such as
/// `application/octet-stream`, counts as none. A text is told from other texts by what is declared, else by its name's
/// ending, and is `text/plain` without either. The ending of a picture may be that of another type of picture, as is
/// common, but not that of a text.
///
/// # Errors
///
/// [`SniffError`]: for content that is none of the types, and for content that contradicts what is declared.
pub fn sniff(bytes: &[u8], declared: Option<&str>, filename: Option<&str>) -> Result<Mime, SniffError> {
    if bytes.is_empty() {
        return Err(SniffError::Empty);
    }
    let declared = declared.map(str::trim).filter(|declared| says_something(declared));
    let declared = declared
        .map(|name| Mime::of_name(name).ok_or_else(|| unknown_type(name)))
        .transpose()?;
    let by_name = filename.and_then(Mime::of_filename);
    let found = if is_text(bytes) {
        Mime::Text
    } else {
        binary(bytes).ok_or(SniffError::Unknown)?
    };
    let refined = |vouched: Mime| {
        if found == Mime::Text && vouched.is_text() {
            vouched
        } else {
            found
        }
    };
    if let Some(declared) = declared {
        if refined(declared) != declared {
            return Err(SniffError::Contradiction { declared, found });
        }
        return checked_json(declared, bytes);
    }
    let Some(by_name) = by_name else {
        return Ok(found);
    };
    if by_name.kind() != found.kind() || by_name.is_text() != found.is_text() {
        let filename = filename.unwrap_or_default().to_owned();
        return Err(SniffError::WrongExtension {
            filename,
            expected: by_name.kind(),
            found,
        });
    }
    checked_json(refined(by_name), bytes)
}

/// A declared type without its parameters, if it means anything.
fn says_something(declared: &str) -> bool {
    let name = declared.split(';').next().unwrap_or_default().trim();
    !name.is_empty() && !SAYS_NOTHING.iter().any(|nothing| name.eq_ignore_ascii_case(nothing))
}

fn unknown_type(declared: &str) -> SniffError {
    let shown = declared.chars().filter(|letter| !letter.is_control()).take(80);
    SniffError::UnknownType {
        declared: shown.collect(),
    }
}

fn checked_json(mime: Mime, bytes: &[u8]) -> Result<Mime, SniffError> {
    if mime == Mime::Json {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let read = serde_json::from_slice::<serde::de::IgnoredAny>(bytes);
        read.map_err(|error| SniffError::NotJson {
            detail: error.to_string(),
        })?;
    }
    Ok(mime)
}

/// Whether it is UTF-8 with nothing in it that no text has. A PDF can be all text and is none.
fn is_text(bytes: &[u8]) -> bool {
    let is_clean = |text: &str| !text.contains(|letter: char| letter.is_control() && !"\n\r\t\u{c}".contains(letter));
    !infer::archive::is_pdf(bytes) && std::str::from_utf8(bytes).is_ok_and(is_clean)
}

/// The type that the first bytes tell. Texts are told before, because a text may begin with `ID3`.
fn binary(bytes: &[u8]) -> Option<Mime> {
    type IsIt = fn(&[u8]) -> bool;
    const SIGNS: &[(IsIt, Mime)] = &[
        (infer::image::is_png, Mime::Png),
        (infer::image::is_jpeg, Mime::Jpeg),
        (infer::image::is_gif, Mime::Gif),
        (infer::image::is_webp, Mime::Webp),
        (infer::audio::is_wav, Mime::Wav),
        (infer::audio::is_ogg, Mime::Ogg),
        (infer::audio::is_mp3, Mime::Mp3),
        (infer::video::is_mp4, Mime::Mp4),
        (infer::video::is_webm, Mime::Webm),
        (infer::archive::is_pdf, Mime::Pdf),
    ];
    SIGNS.iter().find(|(is_it, _)| is_it(bytes)).map(|(_, mime)| *mime)
}

fn names() -> String {
    KNOWN
        .iter()
        .map(|known| format!("`{}`", known.1))
        .collect::<Vec<_>>()
        .join(", ")
}
