//! A narrative file as it is written, before anything is checked but its shape.

mod acts;
mod entries;
mod heads;
mod inputs;
mod media;
mod tables;
mod toc;

pub(crate) use acts::{ActEntry, ActTable, HistoryEntry, SchemaEntry};
pub(crate) use entries::Entries;
pub(crate) use heads::{BudgetEntry, CarouselEntry, FileDefaults, Head, SpendEntry};
pub(crate) use inputs::{Arguments, InputEntry, InputTable, Kinds};
pub(crate) use media::MediaEntry;
pub(crate) use tables::TableEntry;
pub(crate) use toc::{Stage, Toc};

use botticelli_toml_document::{Reading, read_all};
use serde::{Deserialize, de::DeserializeOwned};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Every part of a file, with the one or the many narratives in one list.
#[derive(Debug)]
pub(crate) struct Document {
    /// The narratives with the names by which the file is asked for them.
    pub(crate) narratives: Vec<(Spanned<String>, Head)>,
    /// The `toc` at the top of the file.
    pub(crate) toc: Option<Spanned<Toc>>,
    pub(crate) acts: Entries<Spanned<ActEntry>>,
    pub(crate) tables: Entries<TableEntry>,
    pub(crate) schemas: Entries<Spanned<toml::Value>>,
    /// Commands for platforms: `platform`, `command` and what else applies to them, and their arguments among it.
    pub(crate) bots: Entries<Arguments>,
    pub(crate) media: Entries<MediaEntry>,
    pub(crate) defaults: Entries<FileDefaults>,
    /// Whether the file has the form of one narrative: `[narrative]` with `name`.
    pub(crate) is_single: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(bound(deserialize = "N: Deserialize<'de>"))]
struct Written<N> {
    narrative: Option<N>,
    #[serde(default)]
    narratives: Entries<Head>,
    toc: Option<Spanned<Toc>>,
    #[serde(default)]
    acts: Entries<Spanned<ActEntry>>,
    #[serde(default)]
    tables: Entries<TableEntry>,
    #[serde(default)]
    schemas: Entries<Spanned<toml::Value>>,
    #[serde(default)]
    bots: Entries<Arguments>,
    #[serde(default)]
    media: Entries<MediaEntry>,
    #[serde(default)]
    config: Entries<FileDefaults>,
}

impl Document {
    /// Reads the document's shape and finds every mistake in it: broken syntax, unknown or missing keys, values of the
    /// wrong kind.
    pub(crate) fn read(path: &str, text: &str) -> Reading<Self> {
        if is_single(text) {
            return shape(path, text, true, |head: Spanned<Head>| {
                let name = head.get_ref().name.clone();
                let name = name.unwrap_or_else(|| Spanned::new(head.span(), String::new()));
                vec![(name, head.into_inner())]
            });
        }
        shape(path, text, false, |heads: Entries<Head>| heads.0)
    }
}

fn shape<N: DeserializeOwned>(
    path: &str,
    text: &str,
    is_single: bool,
    heads: impl FnOnce(N) -> Vec<(Spanned<String>, Head)>,
) -> Reading<Document> {
    let Reading { mistakes, rest } = read_all::<Written<N>>(path, text);
    let rest = rest.map(|written| {
        let mut narratives = written.narrative.map(heads).unwrap_or_default();
        narratives.extend(written.narratives.0);
        Document {
            narratives,
            toc: written.toc,
            acts: written.acts,
            tables: written.tables,
            schemas: written.schemas,
            bots: written.bots,
            media: written.media,
            defaults: written.config,
            is_single,
        }
    });
    Reading { mistakes, rest }
}

/// Tells one `[narrative]` table from `[narrative.NAME]` tables.
///
/// One narrative has at least its `name`, which is not a table; of several each is a table. Deciding this before reading
/// lets each form be read by its own type, so that mistakes in it keep their place.
fn is_single(text: &str) -> bool {
    let Ok(root) = DeTable::parse(text) else { return true };
    let Some(DeValue::Table(heads)) = root.get_ref().get("narrative").map(Spanned::get_ref) else {
        return root.get_ref().contains_key("narrative") || !root.get_ref().contains_key("narratives");
    };
    let all_tables = heads
        .iter()
        .all(|(_, value)| matches!(value.get_ref(), DeValue::Table(_)));
    let only_own_tables = heads
        .iter()
        .all(|(key, _)| matches!(key.get_ref().as_ref(), "carousel" | "budget" | "acts" | "spend"));
    !all_tables || only_own_tables
}
