//! Durations in settings files: `"8s"`, `"10m"`, `"1h 30m"`.

use std::time::Duration;

use botticelli_schedule::{format_duration, parse_duration};
use serde::{Deserialize, Deserializer, Serializer, de};

pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_duration(*duration))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map_err(|error| de::Error::custom(format!("duration `{text}`: {error}")))
}

/// As [`serialize`], for a key that may be missing.
#[expect(clippy::ref_option, reason = "serde calls this with a reference to the field")]
pub(crate) fn serialize_optional<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => serialize(duration, serializer),
        None => serializer.serialize_none(),
    }
}

/// As [`deserialize`], for a key that may be missing.
pub(crate) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    deserialize(deserializer).map(Some)
}
