//! What stands in `acts`.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use toml::Spanned;

use super::TableEntry;

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
    #[serde(alias = "narrative_ref")]
    pub(crate) narrative: Option<Spanned<String>>,
    pub(crate) model: Option<Spanned<String>>,
    pub(crate) temperature: Option<Spanned<f64>>,
    pub(crate) max_tokens: Option<Spanned<i64>>,
    pub(crate) system: Option<Spanned<String>>,
    pub(crate) schema: Option<Spanned<SchemaEntry>>,
}

/// One input: a text or reference, or a table.
#[derive(Debug)]
pub(crate) enum InputEntry {
    Text(String),
    Table(Box<InputTable>),
}

/// `[[acts.NAME.input]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputTable {
    #[serde(rename = "type")]
    pub(crate) kind: Option<Spanned<String>>,
    #[serde(rename = "ref")]
    pub(crate) reference: Option<Spanned<String>>,
    pub(crate) content: Option<Spanned<String>>,
    pub(crate) history_retention: Option<Spanned<String>>,
    pub(crate) table_name: Option<Spanned<String>>,
    pub(crate) columns: Option<Vec<Spanned<String>>>,
    #[serde(rename = "where")]
    pub(crate) filter: Option<Spanned<String>>,
    pub(crate) limit: Option<Spanned<i64>>,
    pub(crate) offset: Option<Spanned<i64>>,
    pub(crate) order_by: Option<Spanned<String>>,
    pub(crate) format: Option<Spanned<String>>,
    pub(crate) required: Option<bool>,
}

impl InputTable {
    /// The keys that only a table has, if this input is one.
    pub(crate) fn table_entry(&self) -> Option<TableEntry> {
        Some(TableEntry {
            table_name: self.table_name.clone()?,
            columns: self.columns.clone(),
            filter: self.filter.clone(),
            limit: self.limit.clone(),
            offset: self.offset.clone(),
            order_by: self.order_by.clone(),
            format: self.format.clone(),
            required: self.required,
        })
    }

    /// The first key that only a table read may have, if any is written.
    pub(crate) fn table_key(&self) -> Option<&'static str> {
        let keys = [
            (self.table_name.is_some(), "table_name"),
            (self.columns.is_some(), "columns"),
            (self.filter.is_some(), "where"),
            (self.limit.is_some(), "limit"),
            (self.offset.is_some(), "offset"),
            (self.order_by.is_some(), "order_by"),
            (self.format.is_some(), "format"),
            (self.required.is_some(), "required"),
        ];
        keys.into_iter().find_map(|(written, key)| written.then_some(key))
    }
}

/// An act's schema: the name of one in `[schemas]`, or the schema itself.
#[derive(Debug)]
pub(crate) enum SchemaEntry {
    Reference(String),
    Inline(toml::Table),
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

impl<'de> Deserialize<'de> for InputEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InputVisitor;

        impl<'de> Visitor<'de> for InputVisitor {
            type Value = InputEntry;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text, a reference such as `tables.NAME`, or a table")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(InputEntry::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                InputTable::deserialize(MapAccessDeserializer::new(map)).map(|table| InputEntry::Table(Box::new(table)))
            }
        }

        deserializer.deserialize_any(InputVisitor)
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
