//! Bringing an act's inputs together.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use botticelli_llm::{Media, Part};
use serde_json::Value;

use super::{ActFailure, playing::Player};
use crate::{
    narrative::{Argument, CommandInput, FetchedMedia, Input, InputSource, MediaInput, Retention, TableInput},
    ports::CommandCall,
    table::render,
    template::Values,
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
    Media {
        media: Arc<Media>,
        /// Where it was fetched; `None` when it came with the narrative.
        url: Option<String>,
    },
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

    /// What a platform answered to `command`.
    pub(super) fn answer(answer: Value, retention: Retention, command: &str) -> Self {
        let text = crate::table::plain(&answer);
        Self {
            summary: summary_of(&format!("command {command}"), &text),
            content: Content::Json(answer, text),
            retention,
        }
    }

    fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) | Content::Json(_, text) => Some(text),
            Content::Media { .. } => None,
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
pub(super) struct Gathered {
    /// In the order of the inputs.
    pub(super) brought: Vec<Brought>,
    /// Tables that texts beside them may name, as they were written, by their aliases and names: the act's own, and those of
    /// acts before it.
    pub(super) tables: BTreeMap<String, Arc<str>>,
    /// The names of the act's own.
    pub(super) own: BTreeSet<String>,
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
                Content::Media { media, .. } => {
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

    /// The media of the question that later acts still see.
    pub(super) fn kept_media(&self) -> Vec<Part> {
        let media = self.brought.iter().filter_map(|brought| match &brought.content {
            Content::Media { media, .. } if brought.retention == Retention::Full => Some(media),
            _ => None,
        });
        media.map(|media| Part::Media(Arc::clone(media))).collect()
    }

    /// Where those of them stood that were fetched, by the numbers of their inputs, from 1.
    pub(super) fn kept_urls(&self) -> BTreeMap<usize, String> {
        let urls = (1..)
            .zip(&self.brought)
            .filter_map(|(number, brought)| match &brought.content {
                Content::Media { url: Some(url), .. } if brought.retention == Retention::Full => {
                    Some((number, url.clone()))
                }
                _ => None,
            });
        urls.collect()
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
    /// Brings a picture, sound, film or document.
    pub(super) async fn media(
        &self,
        input: &MediaInput,
        retention: Retention,
        values: &Values<'_>,
    ) -> Result<Brought, ActFailure> {
        let (media, url) = match input {
            MediaInput::Here(media) => (Arc::clone(media), None),
            MediaInput::Fetch(fetched) => {
                let url = fetched.url.render(values)?;
                (self.fetch(fetched, &url).await?, Some(url))
            }
        };
        // A text is put before the model as a text, as one that stands in a file is.
        if media.mime.starts_with("text/")
            && let Ok(text) = std::str::from_utf8(&media.bytes)
        {
            return Ok(Brought::text(text.to_owned(), retention, "text"));
        }
        Ok(Brought {
            summary: summary_of_media(&media),
            content: Content::Media { media, url },
            retention,
        })
    }

    /// Reads a table for the input of this key.
    pub(super) async fn rows(&self, input: &TableInput, key: &str) -> Result<String, ActFailure> {
        let query = &input.asked.query;
        let table = || query.table.clone();
        let rows = self
            .ports
            .tables
            .read(query, key)
            .await
            .map_err(|source| ActFailure::Table { table: table(), source })?;
        match rows.as_deref() {
            // Asked about nothing, a model invents something.
            None if input.is_required => Err(ActFailure::NoTable { table: table() }),
            Some([]) if input.is_required => Err(ActFailure::NoRows { table: table() }),
            None | Some([]) => Ok(String::new()),
            Some(rows) => Ok(render(input.format, &query.columns, rows)),
        }
    }

    /// Runs a command for the input of this key.
    pub(super) async fn command(
        &self,
        command: &CommandInput,
        key: String,
        values: &Values<'_>,
    ) -> Result<Value, ActFailure> {
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
        let failed = |source| ActFailure::Command {
            command: command.command.clone(),
            source,
        };
        match self.ports.commands.run(&call).await.map_err(failed)? {
            Ok(answer) => Ok(answer),
            Err(source) if command.is_required => Err(failed(source)),
            Err(source) => {
                let reason = format!("[command {} of bot {} failed: {source}]", command.command, command.name);
                tracing::warn!(bot.command = command.command, error = %source, "A command failed that is not required");
                Ok(Value::from(reason))
            }
        }
    }

    /// The picture, sound, film or document at `url`, which is fetched once in a run.
    async fn fetch(&self, input: &FetchedMedia, url: &str) -> Result<Arc<Media>, ActFailure> {
        // Whoever asks for another kind or type of the same address asks for another check of what is there.
        let asked = (url.to_owned(), input.kind, input.mime.clone());
        // Held while fetching, so that acts side by side do not fetch the same twice.
        let mut fetched = self.fetched.lock().await;
        let media = if let Some(media) = fetched.get(&asked) {
            Arc::clone(media)
        } else {
            let brought = self.ports.media.fetch(url, input.kind, input.mime.as_deref()).await;
            let media = brought.map_err(|source| ActFailure::Media {
                url: url.to_owned(),
                source,
            })?;
            Arc::clone(fetched.entry(asked).or_insert(Arc::new(media)))
        };
        Ok(match &input.filename {
            None => media,
            Some(filename) => Arc::new(Media {
                filename: Some(filename.clone()),
                ..(*media).clone()
            }),
        })
    }

    /// [`Gathered::kept_media`] of a question that was asked in an earlier attempt, whose [`Gathered::kept_urls`] were `urls`. Its
    /// answer is paid for, so what cannot be fetched again fails nothing.
    pub(super) async fn kept_before(&self, inputs: &[Input], urls: &BTreeMap<usize, String>) -> Vec<Part> {
        let mut parts = Vec::new();
        for (number, input) in (1..).zip(inputs) {
            let InputSource::Media(media) = &input.source else {
                continue;
            };
            let part = match (media, urls.get(&number)) {
                (MediaInput::Here(media), _) if input.retention == Retention::Full => Part::Media(Arc::clone(media)),
                (MediaInput::Fetch(fetched), Some(url)) => match self.fetch(fetched, url).await {
                    Ok(media) => Part::Media(media),
                    Err(error) => {
                        tracing::warn!(%error, "What an earlier act was shown cannot be fetched again, and later ones do without it");
                        Part::Text(Arc::from(format!("[{url}, which is not there any more]")))
                    }
                },
                _ => continue,
            };
            parts.push(part);
        }
        parts
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
