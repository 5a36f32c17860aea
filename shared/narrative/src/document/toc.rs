//! The order of acts.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use toml::Spanned;

/// The order of acts: an array, or a table with that array as `order`.
#[derive(Debug)]
pub(crate) struct Toc(pub(crate) Vec<Stage>);

/// A step of the order: acts that are played side by side, usually one.
#[derive(Debug)]
pub(crate) struct Stage(pub(crate) Vec<Spanned<String>>);

impl<'de> Deserialize<'de> for Toc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TocVisitor)
    }
}

struct TocVisitor;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TocTable {
    order: Vec<Spanned<StageEntry>>,
}

/// A stage as it is written.
enum StageEntry {
    One(String),
    SideBySide(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for StageEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StageVisitor;

        impl<'de> Visitor<'de> for StageVisitor {
            type Value = StageEntry;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an act's name, or a list of the names of acts that are played side by side")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(StageEntry::One(name.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = sequence.next_element()? {
                    names.push(name);
                }
                Ok(StageEntry::SideBySide(names))
            }
        }

        deserializer.deserialize_any(StageVisitor)
    }
}

fn stages(entries: Vec<Spanned<StageEntry>>) -> Toc {
    let stages = entries.into_iter().map(|entry| {
        let span = entry.span();
        match entry.into_inner() {
            StageEntry::One(name) => Stage(vec![Spanned::new(span, name)]),
            StageEntry::SideBySide(names) => Stage(names),
        }
    });
    Toc(stages.collect())
}

impl<'de> Visitor<'de> for TocVisitor {
    type Value = Toc;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of act names, or a table with that list as `order`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut order = Vec::new();
        while let Some(stage) = sequence.next_element()? {
            order.push(stage);
        }
        Ok(stages(order))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        TocTable::deserialize(MapAccessDeserializer::new(map)).map(|table| stages(table.order))
    }
}
