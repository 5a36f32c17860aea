//! What stands in `[media.NAME]`.

use serde::Deserialize;
use toml::Spanned;

/// A picture, sound, film or document, or a text file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MediaEntry {
    pub(crate) url: Option<Spanned<String>>,
    pub(crate) file: Option<Spanned<String>>,
    pub(crate) base64: Option<Spanned<String>>,
    pub(crate) mime: Option<Spanned<String>>,
    pub(crate) filename: Option<Spanned<String>>,
}
