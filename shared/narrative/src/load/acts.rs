//! Acts, checked as far as they can be without knowing who plays them.

use std::{ops::Range, sync::Arc};

use serde_json::Value;
use toml::Spanned;

use super::{NarrativeError, Source, numbers, schemas, shelf::Shelf, suggestion, tables};
use crate::{
    document::{ActEntry, ActTable, InputEntry, InputTable, SchemaEntry},
    narrative::{TableInput, is_name},
    template::{RESERVED, Template, is_reserved},
};

/// An act whose own parts are right.
#[derive(Debug)]
pub(super) enum PreparedAct {
    /// It plays the narrative of this name.
    Compose(Spanned<String>),
    /// It only brings rows.
    Fetch(Vec<TableInput>),
    /// It asks a model.
    Ask(Box<PreparedQuestion>),
}

#[derive(Debug)]
pub(super) struct PreparedQuestion {
    pub(super) inputs: Vec<PreparedInput>,
    pub(super) system: Option<PreparedText>,
    pub(super) model: Option<String>,
    pub(super) temperature: Option<f32>,
    pub(super) max_tokens: Option<u32>,
    pub(super) schema: Option<Arc<Value>>,
}

#[derive(Debug)]
pub(super) struct PreparedInput {
    pub(super) source: PreparedSource,
    pub(super) kept: bool,
}

#[derive(Debug)]
pub(super) enum PreparedSource {
    Text(PreparedText),
    Table(TableInput),
}

/// A template that still knows where it is written.
#[derive(Debug, Clone)]
pub(super) struct PreparedText {
    pub(super) template: Template,
    pub(super) written: Spanned<String>,
}

/// Checks an act's own parts.
pub(super) fn prepare(
    source: Source<'_>,
    shelf: &Shelf<'_>,
    name: &Spanned<String>,
    entry: &Spanned<ActEntry>,
) -> Result<PreparedAct, NarrativeError> {
    check_name(source, name)?;
    match entry.get_ref() {
        ActEntry::Text(text) => {
            let inputs = vec![bare(source, shelf, &Spanned::new(entry.span(), text.clone()))?];
            assemble(source, name, inputs, None, shelf)
        }
        ActEntry::Inputs(inputs) => assemble(source, name, all(source, shelf, inputs)?, None, shelf),
        ActEntry::Table(table) => match &table.narrative {
            Some(narrative) => compose(source, name, narrative, table),
            None => assemble(source, name, all(source, shelf, &table.input)?, Some(table), shelf),
        },
    }
}

/// Reads a text with names in it.
pub(super) fn text(source: Source<'_>, written: &Spanned<String>) -> Result<PreparedText, NarrativeError> {
    if written.get_ref().trim().is_empty() {
        return Err(source.refuse(&written.span(), "the text is blank; write a prompt or leave it out"));
    }
    let template = Template::parse(written.get_ref())
        .map_err(|error| source.refuse_inside(written, error.offset, error.detail))?;
    Ok(PreparedText {
        template,
        written: written.clone(),
    })
}

fn check_name(source: Source<'_>, name: &Spanned<String>) -> Result<(), NarrativeError> {
    if !is_name(name.get_ref()) {
        let detail = format!("act `{name}` cannot be called so; use at most 63 letters, digits, `_` and `-`");
        return Err(source.refuse(&name.span(), detail));
    }
    if is_reserved(name.get_ref()) {
        let detail = format!(
            "act `{name}` cannot be called so; templates give `{}` a meaning",
            RESERVED.join("`, `")
        );
        return Err(source.refuse(&name.span(), detail));
    }
    Ok(())
}

fn compose(
    source: Source<'_>,
    name: &Spanned<String>,
    narrative: &Spanned<String>,
    table: &ActTable,
) -> Result<PreparedAct, NarrativeError> {
    let second = table
        .input
        .first()
        .map(|input| ("input", input.span()))
        .or_else(|| setting(table));
    match second {
        Some((key, place)) => {
            let detail = format!("act `{name}` plays narrative `{narrative}`, so it has no `{key}`; write it there");
            Err(source.refuse(&place, detail))
        }
        None => Ok(PreparedAct::Compose(narrative.clone())),
    }
}

fn assemble(
    source: Source<'_>,
    name: &Spanned<String>,
    inputs: Vec<PreparedInput>,
    table: Option<&ActTable>,
    shelf: &Shelf<'_>,
) -> Result<PreparedAct, NarrativeError> {
    if inputs.is_empty() {
        let detail = format!("act `{name}` has no input; write a text, `input` or `narrative`");
        return Err(source.refuse(&name.span(), detail));
    }
    let asks = inputs
        .iter()
        .any(|input| matches!(input.source, PreparedSource::Text(_)));
    if !asks {
        if let Some((key, place)) = table.and_then(setting) {
            let detail = format!("act `{name}` has no text, so no model is asked and `{key}` means nothing");
            return Err(source.refuse(&place, detail));
        }
        let tables = inputs.into_iter().filter_map(|input| match input.source {
            PreparedSource::Table(table) => Some(table),
            PreparedSource::Text(_) => None,
        });
        return Ok(PreparedAct::Fetch(tables.collect()));
    }
    let schema = match table.and_then(|table| table.schema.as_ref()) {
        None => None,
        Some(entry) => Some(match entry.get_ref() {
            SchemaEntry::Reference(name) => shelf.schema(source, &Spanned::new(entry.span(), name.clone()))?,
            SchemaEntry::Inline(schema) => schemas::schema(source, &entry.span(), schema)?,
        }),
    };
    let temperature = table.and_then(|table| table.temperature.as_ref());
    let max_tokens = table.and_then(|table| table.max_tokens.as_ref());
    let system = table.and_then(|table| table.system.as_ref());
    Ok(PreparedAct::Ask(Box::new(PreparedQuestion {
        inputs,
        system: system.map(|written| text(source, written)).transpose()?,
        model: table
            .and_then(|table| table.model.as_ref())
            .map(|model| model.get_ref().clone()),
        temperature: temperature
            .map(|number| numbers::temperature(source, number))
            .transpose()?,
        max_tokens: max_tokens
            .map(|number| numbers::max_tokens(source, number))
            .transpose()?,
        schema,
    })))
}

/// The first key of an act that only a model's answer gives a meaning to.
fn setting(table: &ActTable) -> Option<(&'static str, Range<usize>)> {
    let settings = [
        ("model", table.model.as_ref().map(Spanned::span)),
        ("temperature", table.temperature.as_ref().map(Spanned::span)),
        ("max_tokens", table.max_tokens.as_ref().map(Spanned::span)),
        ("system", table.system.as_ref().map(Spanned::span)),
        ("schema", table.schema.as_ref().map(Spanned::span)),
    ];
    settings
        .into_iter()
        .find_map(|(key, place)| place.map(|place| (key, place)))
}

fn all(
    source: Source<'_>,
    shelf: &Shelf<'_>,
    inputs: &[Spanned<InputEntry>],
) -> Result<Vec<PreparedInput>, NarrativeError> {
    let prepared = inputs.iter().map(|input| match input.get_ref() {
        InputEntry::Text(text) => bare(source, shelf, &Spanned::new(input.span(), text.clone())),
        InputEntry::Table(table) => structured(source, shelf, &input.span(), table),
    });
    prepared.collect()
}

/// An input that is only a string: a reference if it looks like one, a text otherwise.
fn bare(source: Source<'_>, shelf: &Shelf<'_>, written: &Spanned<String>) -> Result<PreparedInput, NarrativeError> {
    let input = if is_reference(written.get_ref()) {
        PreparedSource::Table(referred(source, shelf, written)?)
    } else {
        PreparedSource::Text(text(source, written)?)
    };
    Ok(PreparedInput {
        source: input,
        kept: true,
    })
}

fn is_reference(text: &str) -> bool {
    let prefixed = ["bots.", "tables.", "media.", "narratives.", "narrative:"]
        .iter()
        .any(|prefix| text.starts_with(prefix));
    prefixed && !text.contains(char::is_whitespace)
}

/// The table behind `tables.NAME`; references of other kinds are refused with what to do instead.
fn referred(source: Source<'_>, shelf: &Shelf<'_>, reference: &Spanned<String>) -> Result<TableInput, NarrativeError> {
    let text = reference.get_ref();
    if let Some(name) = text.strip_prefix("tables.") {
        return shelf.table(source, reference, name);
    }
    let reason = if text.starts_with("bots.") {
        "acts do not run platform commands; approved posts are sent by posting jobs"
    } else if text.starts_with("media.") {
        "pictures, sounds and files are not sent to models yet; write the text itself"
    } else if text.starts_with("narratives.") || text.starts_with("narrative:") {
        "other files are not played; write the narrative in this file and compose it with `narrative = \"NAME\"`"
    } else {
        "write `tables.NAME`"
    };
    Err(source.refuse(&reference.span(), format!("`{text}` cannot be an input: {reason}")))
}

fn structured(
    source: Source<'_>,
    shelf: &Shelf<'_>,
    place: &Range<usize>,
    input: &InputTable,
) -> Result<PreparedInput, NarrativeError> {
    let kept = input
        .history_retention
        .as_ref()
        .map_or(Ok(true), |retention| kept(source, retention))?;
    let kind = input.kind.as_ref().map(|kind| check_kind(source, kind)).transpose()?;
    let foreign = |key: &str, of: &str| Err(source.refuse(place, format!("{of} has no `{key}`; leave it out")));
    let content = input.content.as_ref().map(|_| "content");
    if let Some(reference) = &input.reference {
        if let Some(key) = content.or_else(|| input.table_key()) {
            return foreign(key, "an input with `ref`");
        }
        if kind == Some(Kind::Text) {
            return foreign("ref", "an input of type `text`");
        }
        return Ok(PreparedInput {
            source: PreparedSource::Table(referred(source, shelf, reference)?),
            kept,
        });
    }
    match (kind, &input.content, input.table_entry()) {
        (Some(Kind::Table) | None, None, Some(entry)) => Ok(PreparedInput {
            source: PreparedSource::Table(tables::table(source, &entry)?),
            kept,
        }),
        (Some(Kind::Table), Some(_), _) => foreign("content", "an input of type `table`"),
        (Some(Kind::Table), None, None) => Err(source.refuse(
            place,
            "an input of type `table` wants `table_name`, or `ref = \"tables.NAME\"`",
        )),
        (Some(Kind::Text) | None, Some(content), _) => match input.table_key() {
            Some(key) => foreign(key, "an input of type `text`"),
            None => Ok(PreparedInput {
                source: PreparedSource::Text(text(source, content)?),
                kept,
            }),
        },
        (Some(Kind::Text) | None, None, _) => {
            Err(source.refuse(place, "the input wants `content`, `ref` or `table_name`"))
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Table,
}

fn check_kind(source: Source<'_>, kind: &Spanned<String>) -> Result<Kind, NarrativeError> {
    let reason = match kind.get_ref().as_str() {
        "text" => return Ok(Kind::Text),
        "table" => return Ok(Kind::Table),
        "bot_command" => ": acts do not run platform commands; approved posts are sent by posting jobs".to_owned(),
        "image" | "audio" | "video" | "document" => {
            ": pictures, sounds and files are not sent to models yet; write a `text`".to_owned()
        }
        other => suggestion(other, ["text", "table"].into_iter()),
    };
    Err(source.refuse(&kind.span(), format!("an input cannot have the type `{kind}`{reason}")))
}

fn kept(source: Source<'_>, retention: &Spanned<String>) -> Result<bool, NarrativeError> {
    let reason = match retention.get_ref().as_str() {
        "full" => return Ok(true),
        "drop" => return Ok(false),
        "summary" => ": inputs are not summarised yet; write `full` or `drop`".to_owned(),
        other => suggestion(other, ["full", "drop"].into_iter()),
    };
    Err(source.refuse(
        &retention.span(),
        format!("`history_retention` cannot be `{retention}`{reason}"),
    ))
}
