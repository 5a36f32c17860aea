//! The named parts of a file that acts refer to.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use botticelli_llm::{Media, MediaKind};
use botticelli_toml_document::suggestion;
use serde_json::Value;
use toml::Spanned;

use super::{
    Surroundings,
    commands::{self, PreparedCommand},
    media::{self, PreparedMedia},
    page::Page,
    schemas, tables,
};
use crate::{document::Document, narrative::TableInput};

/// A file's tables, schemas, commands and media, checked; what is wrong is there without a value, so that it is not missed twice.
pub(super) struct Shelf<'a> {
    pub(super) page: &'a Page<'a>,
    pub(super) surroundings: &'a Surroundings<'a>,
    document: &'a Document,
    tables: HashMap<&'a str, Option<TableInput>>,
    schemas: HashMap<&'a str, Option<Arc<Value>>>,
    bots: HashMap<&'a str, Option<PreparedCommand>>,
    used: RefCell<BTreeSet<(&'static str, String)>>,
}

impl<'a> Shelf<'a> {
    /// Checks all of the document's named parts, also those that nothing refers to.
    pub(super) fn fill(page: &'a Page<'a>, surroundings: &'a Surroundings<'a>, document: &'a Document) -> Self {
        let tables = document.tables.0.iter().map(|(name, entry)| {
            let name = name.get_ref().as_str();
            (name, tables::table(page, Some(name), entry))
        });
        let schemas = document.schemas.0.iter().map(|(name, value)| {
            let schema = if let toml::Value::Table(table) = value.get_ref() {
                schemas::schema(page, &name.span(), table)
            } else {
                let message = format!("schema `{name}` is not a table; write `[schemas.{name}]`");
                page.error(&name.span(), "schema", message);
                None
            };
            (name.get_ref().as_str(), schema)
        });
        let bots = document
            .bots
            .0
            .iter()
            .map(|(name, entry)| (name.get_ref().as_str(), commands::bot(page, name, entry)));
        for (name, entry) in &document.media.0 {
            media::check_sources(page, &name.span(), &format!("media `{name}`"), entry);
        }
        Self {
            page,
            surroundings,
            document,
            tables: tables.collect(),
            schemas: schemas.collect(),
            bots: bots.collect(),
            used: RefCell::default(),
        }
    }

    /// The table that an input refers to as `tables.NAME`.
    pub(super) fn table(&self, reference: &Spanned<String>, name: &str) -> Option<TableInput> {
        self.used.borrow_mut().insert(("tables", name.to_owned()));
        match self.tables.get(name) {
            Some(table) => table.clone(),
            None => self.unknown(reference, "table", "tables", name, self.document.tables.names()),
        }
    }

    /// What the author of `[tables.NAME]` wants later acts to see of it.
    pub(super) fn retention_of_table(&self, name: &str) -> Option<&Spanned<String>> {
        let (_, entry) = self
            .document
            .tables
            .0
            .iter()
            .find(|(known, _)| known.get_ref() == name)?;
        entry.history_retention.as_ref()
    }

    /// The command that an input refers to as `bots.NAME`.
    pub(super) fn bot(&self, reference: &Spanned<String>, name: &str) -> Option<&PreparedCommand> {
        self.used.borrow_mut().insert(("bots", name.to_owned()));
        match self.bots.get(name) {
            Some(bot) => bot.as_ref(),
            None => self.unknown(reference, "bot", "bots", name, self.document.bots.names()),
        }
    }

    /// The picture, sound, film, document or text that an input refers to as `media.NAME`.
    pub(super) fn media(
        &self,
        reference: &Spanned<String>,
        name: &str,
        kind: Option<MediaKind>,
    ) -> Option<PreparedMedia> {
        self.used.borrow_mut().insert(("media", name.to_owned()));
        match self.document.media.0.iter().find(|(known, _)| known.get_ref() == name) {
            Some((name, entry)) => media::bring(self.page, self.surroundings, &name.span(), entry, kind),
            None => self.unknown(reference, "media", "media", name, self.document.media.names()),
        }
    }

    /// The schema that an act refers to as `schemas.NAME`.
    pub(super) fn schema(&self, reference: &Spanned<String>) -> Option<Arc<Value>> {
        let Some(name) = reference.get_ref().strip_prefix("schemas.") else {
            let message = format!("`{reference}` is not a schema");
            let help = "write `schemas.NAME` or the schema itself as a table";
            self.page.refuse(&reference.span(), "unknown-schema", message, help);
            return None;
        };
        self.used.borrow_mut().insert(("schemas", name.to_owned()));
        match self.schemas.get(name) {
            Some(schema) => schema.clone(),
            None => self.unknown(reference, "schema", "schemas", name, self.document.schemas.names()),
        }
    }

    fn unknown<'n, T>(
        &self,
        reference: &Spanned<String>,
        noun: &str,
        table: &str,
        name: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) -> Option<T> {
        if !self.page.has_left_out(&format!("{table}.{name}")) {
            let help = suggestion(name, known);
            let message = format!("unknown {noun} `{name}`");
            self.page.refuse(&reference.span(), "unknown-reference", message, help);
        }
        None
    }

    /// Warns of named parts that no act refers to.
    pub(super) fn warn_of_unused(&self) {
        // An act that could not be read may be the one.
        if self.page.has_left_out_of_acts() {
            return;
        }
        let used = self.used.borrow();
        let document = self.document;
        let named = [
            ("tables", spans(&document.tables.0)),
            ("bots", spans(&document.bots.0)),
            ("media", spans(&document.media.0)),
            ("schemas", spans(&document.schemas.0)),
        ];
        for (table, names) in named {
            for (name, span) in names {
                if !used.contains(&(table, name.clone())) {
                    let message = format!("nothing uses `{table}.{name}`");
                    self.page.warn(&span, "unused", message, "use it or leave it out");
                }
            }
        }
    }
}

fn spans<T>(entries: &[(Spanned<String>, T)]) -> Vec<(String, std::ops::Range<usize>)> {
    entries
        .iter()
        .map(|(name, _)| (name.get_ref().clone(), name.span()))
        .collect()
}

/// A text where `media` brings one.
pub(super) fn is_text(media: &Media) -> bool {
    media.mime.starts_with("text/") || media.mime == "application/json"
}
