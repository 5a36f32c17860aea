//! Moments in settings: texts such as `"2026-12-01T09:00:00+01:00"`.

use std::fmt;

use serde::de::{Deserializer, Visitor};

/// Reads the text; what it means is for the caller.
pub(crate) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer.deserialize_any(Moment).map(Some)
}

struct Moment;

impl Visitor<'_> for Moment {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a moment in quotes such as \"2026-12-01T09:00:00+01:00\"")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}
