//! What stands in `acts`.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use toml::Spanned;

use super::{CarouselEntry, Entries, InputEntry, SpendEntry};

/// An act: one text or reference, a list of inputs, or a table.
#[derive(Debug)]
pub(crate) enum ActEntry {
    Text(String),
    Inputs(Vec<Spanned<InputEntry>>),
    Table(Box<ActTable>),
}

/// `[acts.NAME]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActTable {
    #[serde(default)]
    pub(crate) input: Vec<Spanned<InputEntry>>,
    pub(crate) prompt: Option<Spanned<String>>,
    #[serde(alias = "narrative_ref")]
    pub(crate) narrative: Option<Spanned<String>>,
    pub(crate) carousel: Option<Spanned<CarouselEntry>>,
    pub(crate) extract_output: Option<Spanned<bool>>,
    #[serde(default)]
    pub(crate) skip_content_generation: bool,
    pub(crate) state_capture: Option<Entries<Spanned<String>>>,
    pub(crate) when: Option<Spanned<String>>,
    pub(crate) examples: Option<Vec<ExampleEntry>>,
    pub(crate) schema: Option<Spanned<SchemaEntry>>,
    pub(crate) spend: Option<SpendEntry>,
    pub(crate) model: Option<Spanned<String>>,
    pub(crate) temperature: Option<Spanned<f64>>,
    pub(crate) max_tokens: Option<Spanned<i64>>,
    pub(crate) system: Option<Spanned<String>>,
    pub(crate) provider: Option<Spanned<String>>,
    pub(crate) fallback: Option<Vec<Spanned<String>>>,
    pub(crate) top_p: Option<Spanned<f64>>,
    pub(crate) stop: Option<Vec<Spanned<String>>>,
    pub(crate) seed: Option<Spanned<i64>>,
    pub(crate) timeout: Option<Spanned<String>>,
    pub(crate) history: Option<Spanned<HistoryEntry>>,
    pub(crate) history_tokens: Option<Spanned<i64>>,
    pub(crate) repairs: Option<Spanned<i64>>,
}

/// A question and its answer that a model is shown before it is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExampleEntry {
    pub(crate) user: Spanned<String>,
    pub(crate) assistant: Spanned<String>,
}

/// An act's schema: the name of one in `[schemas]`, or the schema itself.
#[derive(Debug)]
pub(crate) enum SchemaEntry {
    Reference(String),
    Inline(toml::Table),
}

/// Which turns before it an act sees.
#[derive(Debug)]
pub(crate) enum HistoryEntry {
    /// `full` or `none`.
    Mode(String),
    /// As many of the last acts.
    Last(i64),
    /// These acts.
    Acts(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for ActEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ActVisitor;

        impl<'de> Visitor<'de> for ActVisitor {
            type Value = ActEntry;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text, a list of inputs, or a table with `input` or `narrative`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(ActEntry::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
                let mut inputs = Vec::new();
                while let Some(input) = sequence.next_element()? {
                    inputs.push(input);
                }
                Ok(ActEntry::Inputs(inputs))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                ActTable::deserialize(MapAccessDeserializer::new(map)).map(|table| ActEntry::Table(Box::new(table)))
            }
        }

        deserializer.deserialize_any(ActVisitor)
    }
}

impl<'de> Deserialize<'de> for SchemaEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SchemaVisitor;

        impl<'de> Visitor<'de> for SchemaVisitor {
            type Value = SchemaEntry;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON schema as a table, or a reference such as `schemas.NAME`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(SchemaEntry::Reference(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                toml::Table::deserialize(MapAccessDeserializer::new(map)).map(SchemaEntry::Inline)
            }
        }

        deserializer.deserialize_any(SchemaVisitor)
    }
}

impl<'de> Deserialize<'de> for HistoryEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HistoryVisitor;

        impl<'de> Visitor<'de> for HistoryVisitor {
            type Value = HistoryEntry;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("\"full\", \"none\", a number of acts, or a list of act names")
            }

            fn visit_str<E: Error>(self, mode: &str) -> Result<Self::Value, E> {
                Ok(HistoryEntry::Mode(mode.to_owned()))
            }

            fn visit_i64<E: Error>(self, count: i64) -> Result<Self::Value, E> {
                Ok(HistoryEntry::Last(count))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = sequence.next_element()? {
                    names.push(name);
                }
                Ok(HistoryEntry::Acts(names))
            }
        }

        deserializer.deserialize_any(HistoryVisitor)
    }
}
