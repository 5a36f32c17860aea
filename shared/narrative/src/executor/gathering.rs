//! Bringing an act's inputs together.

use std::{collections::BTreeMap, sync::Arc};

use botticelli_llm::{Media, MediaKind, Part};
use serde_json::Value;

use super::{ActFailure, playing::Player};
use crate::{
    narrative::{Argument, CommandInput, Input, InputSource, MediaInput, Retention, TableInput},
    ports::CommandCall,
    table::render,
    template::{Template, Values},
};

/// One input, brought.
pub(super) struct Brought {
    pub(super) content: Content,
    retention: Retention,
    /// What it is, for those who only get a summary.
    summary: String,
}

/// What an input brought.
pub(super) enum Content {
    Text(String),
    Media(Arc<Media>),
    /// What a platform answered, as JSON and as text.
    Json(Value, String),
}

impl Brought {
    pub(super) fn text(text: String, retention: Retention, noun: &str) -> Self {
        let summary = summary_of(noun, &text);
        Self {
            content: Content::Text(text),
            retention,
            summary,
        }
    }

    fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) | Content::Json(_, text) => Some(text),
            Content::Media(_) => None,
        }
    }
}

fn summary_of(noun: &str, text: &str) -> String {
    format!(
        "[{noun}: {} lines, {} characters]",
        text.lines().count(),
        text.chars().count()
    )
}

/// Everything that an act's inputs brought.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) brought: Vec<Brought>,
    /// Tables as they were written, by their aliases and names.
    pub(super) tables: BTreeMap<String, Arc<str>>,
}

impl Gathered {
    /// The texts, with a blank line between them.
    pub(super) fn text(&self) -> String {
        joined(self.brought.iter().filter_map(Brought::as_text))
    }

    /// The question as it is sent: texts that follow each other as one part.
    pub(super) fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut texts: Vec<&str> = Vec::new();
        for brought in &self.brought {
            match &brought.content {
                Content::Text(text) | Content::Json(_, text) => texts.push(text),
                Content::Media(media) => {
                    flush(&mut texts, &mut parts);
                    parts.push(Part::Media(Arc::clone(media)));
                }
            }
        }
        flush(&mut texts, &mut parts);
        parts
    }

    /// The words of the question as later acts see them.
    pub(super) fn kept_text(&self) -> String {
        joined(self.brought.iter().filter_map(|brought| match brought.retention {
            Retention::Full => brought.as_text(),
            Retention::Summary => Some(&brought.summary),
            Retention::Drop => None,
        }))
    }

    /// The only answer of a platform, if there is nothing else.
    pub(super) fn only_json(&self) -> Option<&Value> {
        match self.brought.as_slice() {
            [
                Brought {
                    content: Content::Json(json, _),
                    ..
                },
            ] => Some(json),
            _ => None,
        }
    }
}

fn flush(texts: &mut Vec<&str>, parts: &mut Vec<Part>) {
    let text = joined(texts.drain(..));
    if !text.is_empty() {
        parts.push(Part::Text(Arc::from(text)));
    }
}

/// The parts that say something, with a blank line between them.
pub(super) fn joined<'t>(parts: impl Iterator<Item = &'t str>) -> String {
    parts
        .filter(|part| !part.trim().is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

impl Player<'_> {
    /// Reads the tables of `inputs`, which texts beside them may name.
    pub(super) async fn tables_of(&self, inputs: &[Input]) -> Result<BTreeMap<String, Arc<str>>, ActFailure> {
        let mut tables = BTreeMap::new();
        for input in inputs {
            if let InputSource::Table(table) = &input.source {
                let text: Arc<str> = Arc::from(self.rows(table).await?);
                tables.insert(table.query.table.clone(), Arc::clone(&text));
                tables.insert(table.alias.clone(), text);
            }
        }
        Ok(tables)
    }

    /// Brings `input`, which is none of a narrative.
    pub(super) async fn bring(
        &self,
        input: &Input,
        key: String,
        values: &Values<'_>,
        tables: &BTreeMap<String, Arc<str>>,
    ) -> Result<Option<Brought>, ActFailure> {
        let retention = input.retention;
        Ok(Some(match &input.source {
            InputSource::Text(template) => Brought::text(template.render(values)?, retention, "text"),
            InputSource::Table(table) => {
                let text = tables.get(&table.alias).map(ToString::to_string).unwrap_or_default();
                Brought::text(text, retention, &format!("table {}", table.query.table))
            }
            InputSource::Media(media) => {
                let media = self.media(media, values).await?;
                Brought {
                    summary: summary_of_media(&media),
                    content: Content::Media(media),
                    retention,
                }
            }
            InputSource::Command(command) => {
                let answer = self.command(command, key, values).await?;
                let text = crate::table::plain(&answer);
                Brought {
                    summary: summary_of(&format!("command {}", command.command), &text),
                    content: Content::Json(answer, text),
                    retention,
                }
            }
            InputSource::Narrative { .. } => return Ok(None),
        }))
    }

    async fn rows(&self, input: &TableInput) -> Result<String, ActFailure> {
        let query = &input.query;
        let table = || query.table.clone();
        let rows = self
            .ports
            .tables
            .read(query)
            .await
            .map_err(|source| ActFailure::Table { table: table(), source })?;
        match rows.unwrap_or_default().as_slice() {
            // Asked about nothing, a model invents something.
            [] if input.is_required => Err(ActFailure::NoRows { table: table() }),
            [] => Ok(String::new()),
            rows => Ok(render(input.format, &query.columns, rows)),
        }
    }

    async fn command(&self, command: &CommandInput, key: String, values: &Values<'_>) -> Result<Value, ActFailure> {
        let mut args = serde_json::Map::new();
        for (name, argument) in &command.args {
            args.insert(name.clone(), filled(argument, values)?);
        }
        let call = CommandCall {
            key,
            platform: command.platform.clone(),
            command: command.command.clone(),
            args,
            cache: command.cache,
        };
        match self.ports.commands.run(&call).await {
            Ok(answer) => Ok(answer),
            Err(source) if command.is_required => Err(ActFailure::Command {
                command: command.command.clone(),
                source,
            }),
            Err(source) => {
                let reason = format!("[command {} of bot {} failed: {source}]", command.command, command.name);
                tracing::warn!(bot.command = command.command, error = %source, "A command failed that is not required");
                Ok(Value::from(reason))
            }
        }
    }

    /// The picture, sound, film or document; what is fetched is fetched once in a run.
    pub(super) async fn media(&self, input: &MediaInput, values: &Values<'_>) -> Result<Arc<Media>, ActFailure> {
        let (url, mime, filename, kind): (&Template, _, _, Option<MediaKind>) = match input {
            MediaInput::Here(media) => return Ok(Arc::clone(media)),
            MediaInput::Fetch {
                url,
                mime,
                filename,
                kind,
            } => (url, mime, filename, *kind),
        };
        let url = url.render(values)?;
        // Held while fetching, so that acts side by side do not fetch the same twice.
        let mut fetched = self.fetched.lock().await;
        if let Some(media) = fetched.get(&url) {
            return Ok(Arc::clone(media));
        }
        let brought = self.ports.media.fetch(&url, kind, mime.as_deref()).await;
        let mut media = brought.map_err(|source| ActFailure::Media {
            url: url.clone(),
            source,
        })?;
        if filename.is_some() {
            media.filename.clone_from(filename);
        }
        let media = Arc::new(media);
        fetched.insert(url, Arc::clone(&media));
        Ok(media)
    }

    /// The media of a question that later acts still see.
    pub(super) async fn kept_media(&self, inputs: &[Input], values: &Values<'_>) -> Result<Vec<Part>, ActFailure> {
        let mut parts = Vec::new();
        for input in inputs.iter().filter(|input| input.retention == Retention::Full) {
            if let InputSource::Media(media) = &input.source {
                parts.push(Part::Media(self.media(media, values).await?));
            }
        }
        Ok(parts)
    }
}

fn summary_of_media(media: &Media) -> String {
    let name = media.filename.as_deref().unwrap_or(&media.mime);
    format!("[{}: {name}, {} bytes]", media.kind, media.bytes.len())
}

fn filled(argument: &Argument, values: &Values<'_>) -> Result<Value, ActFailure> {
    Ok(match argument {
        Argument::Text(text) => Value::from(text.render(values)?),
        Argument::Fixed(value) => value.clone(),
        Argument::List(items) => {
            let items = items.iter().map(|item| filled(item, values));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Argument::Table(fields) => {
            let fields = fields
                .iter()
                .map(|(key, field)| Ok((key.clone(), filled(field, values)?)));
            Value::Object(fields.collect::<Result<_, ActFailure>>()?)
        }
    })
}
