//! Media that stand in a document as base 64.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::{MediaFile, SniffError};

/// RFC 4648, with or without the padding, which people forget.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a text is not taken for media.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Base64Error {
    /// It would be larger than allowed.
    #[error("the base 64 text holds more than {cap} bytes, which is the most allowed here; give a `file` or a `url`")]
    TooLarge {
        /// The most bytes allowed.
        cap: usize,
    },
    /// It is not base 64.
    #[error("the text is not base 64 of RFC 4648: {detail}")]
    Invalid {
        /// What is wrong, and where, with blanks left out of the count.
        detail: String,
    },
    /// What it holds is not taken.
    #[error(transparent)]
    Content(#[from] SniffError),
}

/// The media of a base 64 text of at most `cap` bytes when decoded. Blanks and line breaks in it are left out.
///
/// # Errors
///
/// [`Base64Error`].
pub fn from_base64(
    text: &str,
    declared: Option<&str>,
    filename: Option<&str>,
    cap: usize,
) -> Result<MediaFile, Base64Error> {
    // Counted before anything is copied: four characters hold three bytes.
    let digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    if digits.clone().filter(|byte| *byte != b'=').count() / 4 * 3 > cap {
        return Err(Base64Error::TooLarge { cap });
    }
    let solid: Vec<u8> = digits.collect();
    let bytes = BASE64.decode(solid).map_err(|error| Base64Error::Invalid {
        detail: error.to_string(),
    })?;
    if bytes.len() > cap {
        return Err(Base64Error::TooLarge { cap });
    }
    Ok(MediaFile::new(bytes, filename, declared)?)
}
