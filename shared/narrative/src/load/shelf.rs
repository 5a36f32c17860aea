//! The named parts that acts refer to.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;
use toml::Spanned;

use super::{NarrativeError, Source, schemas, suggestion, tables};
use crate::{document::Document, narrative::TableInput};

/// A file's tables and schemas, checked.
pub(super) struct Shelf<'a> {
    document: &'a Document,
    tables: HashMap<&'a str, TableInput>,
    schemas: HashMap<&'a str, Arc<Value>>,
}

impl<'a> Shelf<'a> {
    /// Checks all of the document's named parts, also those that nothing refers to.
    pub(super) fn fill(source: Source<'_>, document: &'a Document) -> Result<Self, NarrativeError> {
        let mut tables = HashMap::new();
        for (name, entry) in &document.tables.0 {
            tables.insert(name.get_ref().as_str(), tables::table(source, entry)?);
        }
        let mut schemas = HashMap::new();
        for (name, value) in &document.schemas.0 {
            let toml::Value::Table(table) = value else {
                let detail = format!("schema `{name}` is not a table; write `[schemas.{name}]`");
                return Err(source.refuse(&name.span(), detail));
            };
            schemas.insert(name.get_ref().as_str(), schemas::schema(source, &name.span(), table)?);
        }
        for (name, bot) in &document.bots.0 {
            for (key, value) in [("platform", &bot.platform), ("command", &bot.command)] {
                if value.get_ref().trim().is_empty() {
                    return Err(source.refuse(&value.span(), format!("`{key}` of bot `{name}` is blank")));
                }
            }
        }
        for (name, media) in &document.media.0 {
            let sources = [&media.url, &media.file, &media.base64].into_iter().flatten().count();
            if sources != 1 {
                let detail = format!("media `{name}` wants exactly one of `url`, `file` and `base64`");
                return Err(source.refuse(&name.span(), detail));
            }
        }
        Ok(Self {
            document,
            tables,
            schemas,
        })
    }

    /// The table that an input refers to as `tables.NAME`.
    pub(super) fn table(
        &self,
        source: Source<'_>,
        reference: &Spanned<String>,
        name: &str,
    ) -> Result<TableInput, NarrativeError> {
        self.tables.get(name).cloned().ok_or_else(|| {
            let way_out = suggestion(name, self.document.tables.names());
            source.refuse(&reference.span(), format!("unknown table `{name}`{way_out}"))
        })
    }

    /// The schema that an act refers to as `schemas.NAME`.
    pub(super) fn schema(&self, source: Source<'_>, reference: &Spanned<String>) -> Result<Arc<Value>, NarrativeError> {
        let Some(name) = reference.get_ref().strip_prefix("schemas.") else {
            let detail = format!("`{reference}` is not a schema; write `schemas.NAME` or the schema itself as a table");
            return Err(source.refuse(&reference.span(), detail));
        };
        self.schemas.get(name).cloned().ok_or_else(|| {
            let way_out = suggestion(name, self.document.schemas.names());
            source.refuse(&reference.span(), format!("unknown schema `{name}`{way_out}"))
        })
    }
}
