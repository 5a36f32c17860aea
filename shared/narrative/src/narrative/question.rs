//! What an act asks and brings.

use std::{sync::Arc, time::Duration};

use botticelli_llm::{Media, MediaKind};
use serde_json::Value;

use super::{AskedModels, AskedTable, Narrative, Spend};
use crate::{table::Format, template::Template};

/// What is asked of a model.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) inputs: Vec<Input>,
    pub(crate) system: Option<Template>,
    pub(crate) examples: Vec<Example>,
    pub(crate) asked: Arc<AskedModels>,
    pub(crate) temperature: Option<f32>,
    pub(crate) top_p: Option<f32>,
    pub(crate) stop: Vec<String>,
    pub(crate) seed: Option<u64>,
    pub(crate) max_tokens: Option<u32>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) history: History,
    pub(crate) history_tokens: Option<u32>,
    pub(crate) answer: Answer,
    /// How often an unusable JSON answer is sent back with what is wrong with it.
    pub(crate) repairs: u32,
    pub(crate) spend: Spend,
}

/// A model to ask; `None` leaves the choice to the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ModelChoice {
    /// The configured provider.
    pub provider: Option<String>,
    /// The model, as the provider names it.
    pub model: Option<String>,
}

/// What an answer must be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// Any text.
    Text,
    /// JSON if it looks like it, and text otherwise.
    TextOrJson,
    /// JSON of any shape.
    Json,
    /// JSON that satisfies this schema.
    Schema(Arc<Value>),
}

impl Answer {
    /// The schema that is sent with the question.
    pub(crate) fn schema(&self) -> Option<&Arc<Value>> {
        match self {
            Self::Schema(schema) => Some(schema),
            Self::Text | Self::TextOrJson | Self::Json => None,
        }
    }
}

/// Which turns before it an act sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum History {
    Full,
    None,
    /// Those of so many acts before it.
    Last(u32),
    /// Those of these acts.
    Acts(Vec<String>),
}

/// A question and its answer that a model is shown before it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    pub(crate) user: Template,
    pub(crate) assistant: Template,
}

/// One part of a question.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) source: InputSource,
    pub(crate) retention: Retention,
}

/// What later acts see of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retention {
    Full,
    /// A line that says what it was.
    Summary,
    Drop,
}

#[derive(Debug, Clone)]
pub(crate) enum InputSource {
    Text(Template),
    Media(MediaInput),
    Table(TableInput),
    Command(Box<CommandInput>),
    /// A narrative whose reply becomes a text.
    Narrative {
        name: String,
        narrative: Arc<Narrative>,
    },
}

/// A picture, sound, film or document.
#[derive(Debug, Clone)]
pub(crate) enum MediaInput {
    /// Brought when the narrative was read.
    Here(Arc<Media>),
    /// To be fetched when the act is played.
    Fetch(FetchedMedia),
}

/// A picture, sound, film or document that stands somewhere else.
#[derive(Debug, Clone)]
pub(crate) struct FetchedMedia {
    /// Where it stands.
    pub(crate) url: Template,
    /// What it must be, if the author says so.
    pub(crate) mime: Option<String>,
    pub(crate) filename: Option<String>,
    pub(crate) kind: Option<MediaKind>,
}

/// Rows as a part of a question.
#[derive(Debug, Clone)]
pub(crate) struct TableInput {
    pub(crate) asked: Arc<AskedTable>,
    pub(crate) format: Format,
    /// Whether finding no row fails the act.
    pub(crate) is_required: bool,
    /// The name by which templates know the rows.
    pub(crate) alias: String,
}

/// What a platform answers to a command, as a part of a question.
#[derive(Debug, Clone)]
pub(crate) struct CommandInput {
    pub(crate) name: String,
    pub(crate) platform: String,
    pub(crate) command: String,
    pub(crate) args: Vec<(String, Argument)>,
    /// Whether its failure fails the act; otherwise the failure is what it answers.
    pub(crate) is_required: bool,
    /// How long an answer to the same command may be used again.
    pub(crate) cache: Option<Duration>,
}

/// An argument of a command.
#[derive(Debug, Clone)]
pub(crate) enum Argument {
    Text(Template),
    List(Vec<Argument>),
    Table(Vec<(String, Argument)>),
    Fixed(Value),
}

impl ModelChoice {
    /// Reads `MODEL` or `PROVIDER/MODEL`.
    pub fn parse(written: &str) -> Self {
        match written.split_once('/') {
            Some((provider, model)) => Self {
                provider: Some(provider.to_owned()),
                model: Some(model.to_owned()).filter(|model| !model.is_empty()),
            },
            None => Self {
                provider: None,
                model: Some(written.to_owned()),
            },
        }
    }
}

impl Argument {
    pub(super) fn collect_templates<'a>(&'a self, templates: &mut Vec<&'a Template>) {
        match self {
            Self::Text(text) => templates.push(text),
            Self::List(items) => items.iter().for_each(|item| item.collect_templates(templates)),
            Self::Table(fields) => fields.iter().for_each(|(_, field)| field.collect_templates(templates)),
            Self::Fixed(_) => {}
        }
    }
}
