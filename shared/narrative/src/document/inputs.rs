//! What stands in an act's `input`.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};
use toml::Spanned;

use super::{Entries, MediaEntry, TableEntry};

/// A command's arguments.
pub(crate) type Arguments = Entries<Spanned<toml::Value>>;

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
    pub(crate) history_retention: Option<Spanned<String>>,
    pub(crate) required: Option<Spanned<bool>>,
    #[serde(alias = "text")]
    pub(crate) content: Option<Spanned<String>>,
    pub(crate) file: Option<Spanned<String>>,
    pub(crate) url: Option<Spanned<String>>,
    pub(crate) base64: Option<Spanned<String>>,
    pub(crate) mime: Option<Spanned<String>>,
    pub(crate) filename: Option<Spanned<String>>,
    pub(crate) platform: Option<Spanned<String>>,
    pub(crate) command: Option<Spanned<String>>,
    pub(crate) args: Option<Spanned<Arguments>>,
    pub(crate) cache_duration: Option<Spanned<i64>>,
    pub(crate) table_name: Option<Spanned<String>>,
    pub(crate) columns: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(rename = "where", alias = "where_clause")]
    pub(crate) filter: Option<Spanned<String>>,
    pub(crate) limit: Option<Spanned<i64>>,
    pub(crate) offset: Option<Spanned<i64>>,
    pub(crate) order_by: Option<Spanned<String>>,
    pub(crate) format: Option<Spanned<String>>,
    pub(crate) sample: Option<Spanned<i64>>,
    pub(crate) alias: Option<Spanned<String>>,
    pub(crate) pull_and_delete: Option<Spanned<bool>>,
}

impl InputTable {
    /// The keys that only a table read has, if this input is one.
    pub(crate) fn table(&self) -> Option<TableEntry> {
        Some(TableEntry {
            table_name: self.table_name.clone()?,
            columns: self.columns.clone(),
            filter: self.filter.clone(),
            limit: self.limit.clone(),
            offset: self.offset.clone(),
            order_by: self.order_by.clone(),
            format: self.format.clone(),
            sample: self.sample.clone(),
            alias: self.alias.clone(),
            pull_and_delete: self.pull_and_delete.clone(),
            required: self.required.clone(),
            history_retention: None,
        })
    }

    /// The keys that only media have.
    pub(crate) fn media(&self) -> MediaEntry {
        MediaEntry {
            url: self.url.clone(),
            file: self.file.clone(),
            base64: self.base64.clone(),
            mime: self.mime.clone(),
            filename: self.filename.clone(),
        }
    }

    /// The keys that are written, beside those that every input has, with the kinds of input that they belong to.
    pub(crate) fn own_keys(&self) -> impl Iterator<Item = (&'static str, Kinds, std::ops::Range<usize>)> {
        fn at<T>(value: Option<&Spanned<T>>) -> Option<std::ops::Range<usize>> {
            value.map(Spanned::span)
        }
        let keys = [
            ("content", Kinds::TEXT, at(self.content.as_ref())),
            ("file", Kinds::TEXT.or(Kinds::MEDIA), at(self.file.as_ref())),
            ("url", Kinds::MEDIA, at(self.url.as_ref())),
            ("base64", Kinds::MEDIA, at(self.base64.as_ref())),
            ("mime", Kinds::MEDIA, at(self.mime.as_ref())),
            ("filename", Kinds::MEDIA, at(self.filename.as_ref())),
            ("platform", Kinds::COMMAND, at(self.platform.as_ref())),
            ("command", Kinds::COMMAND, at(self.command.as_ref())),
            ("args", Kinds::COMMAND, at(self.args.as_ref())),
            ("cache_duration", Kinds::COMMAND, at(self.cache_duration.as_ref())),
            ("table_name", Kinds::TABLE, at(self.table_name.as_ref())),
            ("columns", Kinds::TABLE, at(self.columns.as_ref())),
            ("where", Kinds::TABLE, at(self.filter.as_ref())),
            ("limit", Kinds::TABLE, at(self.limit.as_ref())),
            ("offset", Kinds::TABLE, at(self.offset.as_ref())),
            ("order_by", Kinds::TABLE, at(self.order_by.as_ref())),
            ("format", Kinds::TABLE, at(self.format.as_ref())),
            ("sample", Kinds::TABLE, at(self.sample.as_ref())),
            ("alias", Kinds::TABLE, at(self.alias.as_ref())),
            ("pull_and_delete", Kinds::TABLE, at(self.pull_and_delete.as_ref())),
        ];
        keys.into_iter()
            .filter_map(|(key, kinds, place)| Some((key, kinds, place?)))
    }
}

/// A set of kinds of inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const TEXT: Self = Self(1);
    pub(crate) const MEDIA: Self = Self(2);
    pub(crate) const COMMAND: Self = Self(4);
    pub(crate) const TABLE: Self = Self(8);

    /// Both sets together.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the sets have a kind in common.
    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
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
