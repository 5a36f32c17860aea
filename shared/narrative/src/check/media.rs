//! Pictures, sounds, films, documents and text files.

use std::{ops::Range, sync::Arc};

use botticelli_llm::{Media, MediaKind};
use toml::Spanned;

use super::{Surroundings, page::Page, shelf::is_text};
use crate::document::MediaEntry;

/// A medium before the names in its address are known.
#[derive(Debug)]
pub(super) enum PreparedMedia {
    /// A text, word for word.
    Text(String),
    /// It is here.
    Here(Arc<Media>),
    /// It is to be fetched when the act is played.
    Fetch {
        url: Spanned<String>,
        mime: Option<String>,
        filename: Option<String>,
        kind: Option<MediaKind>,
    },
}

/// Whether exactly one source is written.
pub(super) fn check_sources(page: &Page<'_>, place: &Range<usize>, what: &str, entry: &MediaEntry) -> bool {
    let sources = [&entry.url, &entry.file, &entry.base64].into_iter().flatten().count();
    if sources != 1 {
        let message = format!("{what} wants exactly one of `url`, `file` and `base64`");
        page.error(place, "media", message);
    }
    if let Some(mime) = &entry.mime
        && !is_mime(mime.get_ref())
    {
        let message = format!("`mime` is `{mime}`; write a type such as \"image/png\"");
        page.error(&mime.span(), "media", message);
    }
    sources == 1
}

fn is_mime(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'+'))
    };
    text.split_once('/')
        .is_some_and(|(kind, subtype)| is_word(kind) && is_word(subtype))
}

/// Brings what `entry` names, as far as that can be done before the act is played.
pub(super) fn bring(
    page: &Page<'_>,
    surroundings: &Surroundings<'_>,
    place: &Range<usize>,
    entry: &MediaEntry,
    kind: Option<MediaKind>,
) -> Option<PreparedMedia> {
    let mime = entry.mime.as_ref().map(|mime| mime.get_ref().as_str());
    let filename = entry.filename.as_ref().map(|name| name.get_ref().clone());
    let sources = [&entry.url, &entry.file, &entry.base64].into_iter().flatten().count();
    if sources != 1 {
        return None;
    }
    if let Some(url) = &entry.url {
        return Some(PreparedMedia::Fetch {
            url: url.clone(),
            mime: mime.map(str::to_owned),
            filename,
            kind,
        });
    }
    let Some(files) = surroundings.files else {
        page.error(place, "media", "files are not read here");
        return None;
    };
    let (brought, source) = match (&entry.file, &entry.base64) {
        (Some(file), _) => (files.media(file.get_ref(), kind, mime), file),
        (None, Some(base64)) => (files.decoded(base64.get_ref(), kind, mime), base64),
        (None, None) => return None,
    };
    match brought {
        Ok(media) if is_text(&media) => {
            let text = String::from_utf8(media.bytes.to_vec());
            let text = text.map_err(|_| page.error(&source.span(), "media", "the text is not UTF-8"));
            text.ok().map(PreparedMedia::Text)
        }
        Ok(mut media) => {
            if filename.is_some() {
                media.filename = filename;
            }
            Some(PreparedMedia::Here(Arc::new(media)))
        }
        Err(reason) => {
            page.error(&source.span(), "media", reason);
            None
        }
    }
}
