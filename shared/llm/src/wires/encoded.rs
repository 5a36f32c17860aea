//! Files in JSON: encoded while they are written, so that there is never a second copy of them in memory.

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use crate::Media;

/// A file's bytes in base64.
pub(super) struct Base64<'a>(pub(super) &'a [u8]);

/// A file as a `data:` URL.
pub(super) struct DataUrl<'a>(pub(super) &'a Media);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

impl Serialize for DataUrl<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Media { mime, bytes, .. } = self.0;
        serializer.collect_str(&format_args!(
            "data:{mime};base64,{}",
            Base64Display::new(bytes, &STANDARD)
        ))
    }
}

/// The name that providers want of audio in place of its MIME type, for the two formats that they take.
pub(super) fn audio_format(mime: &str) -> Option<&'static str> {
    match mime {
        "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => Some("wav"),
        "audio/mpeg" | "audio/mp3" => Some("mp3"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::MediaKind;

    #[test]
    fn a_file_is_written_in_base64() {
        let media = Media {
            kind: MediaKind::Image,
            mime: "image/png".to_owned(),
            filename: None,
            bytes: [0xfb, 0xff, 0x00, 0x01].into(),
        };
        assert_eq!(json!(Base64(&media.bytes)), json!("+/8AAQ=="));
        assert_eq!(json!(DataUrl(&media)), json!("data:image/png;base64,+/8AAQ=="));
    }
}
