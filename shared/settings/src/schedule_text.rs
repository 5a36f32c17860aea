//! Schedules in settings: one text, or a list of texts.

use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};

/// Reads `"0 9 * * *"`, or `["0 9 * * *", "30 17 * * FRI"]` as one text with `;` between them.
pub(crate) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer.deserialize_any(Entries).map(Some)
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a schedule such as \"every 2 hours\", or a list of them")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<String, A::Error> {
        let mut entries = Vec::<String>::new();
        while let Some(entry) = list.next_element()? {
            entries.push(entry);
        }
        Ok(entries.join("; "))
    }
}
