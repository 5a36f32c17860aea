//! A narrative file as it is written, before anything is checked but its shape.

mod acts;
mod entries;
mod heads;
mod tables;

pub(crate) use acts::{ActEntry, ActTable, InputEntry, InputTable, SchemaEntry};
pub(crate) use entries::Entries;
pub(crate) use heads::{BudgetEntry, CarouselEntry, Head, Toc};
pub(crate) use tables::TableEntry;

use botticelli_toml_document::{TomlError, read};
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
    pub(crate) schemas: Entries<toml::Value>,
    pub(crate) bots: Entries<Bot>,
    pub(crate) media: Entries<Media>,
    /// Whether the file has the form of one narrative: `[narrative]` with `name`.
    pub(crate) single: bool,
}

/// A command for a platform. All further keys are the command's arguments.
#[derive(Debug, Deserialize)]
pub(crate) struct Bot {
    pub(crate) platform: Spanned<String>,
    pub(crate) command: Spanned<String>,
}

/// A picture, sound or document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Media {
    pub(crate) url: Option<String>,
    pub(crate) file: Option<String>,
    pub(crate) base64: Option<String>,
    #[serde(rename = "mime")]
    pub(crate) _mime: Option<String>,
    #[serde(rename = "filename")]
    pub(crate) _filename: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(bound(deserialize = "N: Deserialize<'de>"))]
struct Written<N> {
    narrative: N,
    toc: Option<Spanned<Toc>>,
    #[serde(default)]
    acts: Entries<Spanned<ActEntry>>,
    #[serde(default)]
    tables: Entries<TableEntry>,
    #[serde(default)]
    schemas: Entries<toml::Value>,
    #[serde(default)]
    bots: Entries<Bot>,
    #[serde(default)]
    media: Entries<Media>,
}

impl Document {
    /// Reads the document's shape.
    ///
    /// # Errors
    ///
    /// [`TomlError`] for broken syntax, unknown or missing keys and values of the wrong kind.
    pub(crate) fn read(path: &str, text: &str) -> Result<Self, TomlError> {
        if holds_named_narratives(text) {
            let written = written::<Entries<Head>>(path, text)?;
            return Ok(Self::assemble(false, written, |heads| heads.0));
        }
        let written = written::<Spanned<Head>>(path, text)?;
        Ok(Self::assemble(true, written, |head| {
            let name = head
                .get_ref()
                .name
                .clone()
                .unwrap_or_else(|| Spanned::new(head.span(), String::new()));
            vec![(name, head.into_inner())]
        }))
    }

    fn assemble<N>(
        single: bool,
        written: Written<N>,
        narratives: impl FnOnce(N) -> Vec<(Spanned<String>, Head)>,
    ) -> Self {
        Self {
            narratives: narratives(written.narrative),
            toc: written.toc,
            acts: written.acts,
            tables: written.tables,
            schemas: written.schemas,
            bots: written.bots,
            media: written.media,
            single,
        }
    }
}

fn written<N: DeserializeOwned>(path: &str, text: &str) -> Result<Written<N>, TomlError> {
    read(path, text)
}

/// Tells `[narrative.NAME]` tables from one `[narrative]` table.
///
/// One narrative has at least its `name`, which is not a table; of several each is a table. Deciding this before reading
/// lets each form be read by its own type, so that mistakes in it keep their place.
fn holds_named_narratives(text: &str) -> bool {
    let Ok(root) = DeTable::parse(text) else { return false };
    let Some(DeValue::Table(heads)) = root.get_ref().get("narrative").map(Spanned::get_ref) else {
        return false;
    };
    let all_tables = heads
        .iter()
        .all(|(_, value)| matches!(value.get_ref(), DeValue::Table(_)));
    let only_own_tables = heads
        .iter()
        .all(|(key, _)| matches!(key.get_ref().as_ref(), "carousel" | "budget" | "acts"));
    all_tables && !only_own_tables
}
