//! A narrative that has been checked and can be played.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use crate::{
    table::{Format, TableQuery},
    template::Template,
};

/// A checked narrative with everything that it needs, the narratives it is composed of included.
#[derive(Debug, Clone)]
pub struct Narrative {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) target: Option<String>,
    pub(crate) stores_output: bool,
    pub(crate) carousel: Option<Carousel>,
    pub(crate) budget: Budget,
    pub(crate) acts: Vec<Act>,
}

/// One act of a narrative.
#[derive(Debug, Clone)]
pub struct Act {
    pub(crate) name: String,
    pub(crate) work: Work,
}

/// What an act does.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// It plays another narrative.
    Compose(Arc<Narrative>),
    /// It asks a model.
    Ask(Box<Question>),
    /// It only brings rows.
    Fetch(Vec<TableInput>),
}

/// What is asked of a model.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) inputs: Vec<Input>,
    pub(crate) system: Option<Template>,
    pub(crate) model: Option<String>,
    pub(crate) temperature: Option<f32>,
    pub(crate) max_tokens: Option<u32>,
    pub(crate) schema: Option<Arc<Value>>,
}

/// One part of a question.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) source: InputSource,
    /// Whether later acts still see it.
    pub(crate) kept: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum InputSource {
    Text(Template),
    Table(TableInput),
}

/// Rows as a part of a question.
#[derive(Debug, Clone)]
pub(crate) struct TableInput {
    pub(crate) query: TableQuery,
    pub(crate) format: Format,
    /// Whether finding no row fails the act.
    pub(crate) required: bool,
}

/// How often a narrative is repeated in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carousel {
    /// The repetitions, 1 to 1000.
    pub iterations: u32,
    /// What the author expects one repetition to use; 1000 unless written. The executor does not meter.
    pub estimated_tokens_per_iteration: u32,
    /// Whether a failed repetition leaves the others running; false unless written.
    pub continue_on_error: bool,
}

/// The share of a provider's limits that a narrative may use, each over 0 and at most 1. The executor does not meter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Of the requests in a minute, written `rpm_multiplier`.
    pub requests_per_minute: f64,
    /// Of the tokens in a minute, written `tpm_multiplier`.
    pub tokens_per_minute: f64,
    /// Of the requests in a day, written `rpd_multiplier`.
    pub requests_per_day: f64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            requests_per_minute: 1.0,
            tokens_per_minute: 1.0,
            requests_per_day: 1.0,
        }
    }
}

impl Narrative {
    /// The name by which its file knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its author says about it; empty unless written.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Where its output belongs: its `target`, or its `template` where it has none, and nothing where it has
    /// `skip_content_generation`.
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref().filter(|_| self.stores_output)
    }

    /// Whether anything of it belongs somewhere: its own output, or that of a narrative that it plays.
    pub fn has_target(&self) -> bool {
        self.target().is_some() || self.acts.iter().filter_map(Act::composes).any(Self::has_target)
    }

    /// How it is repeated; `None` means once.
    pub fn carousel(&self) -> Option<Carousel> {
        self.carousel
    }

    /// How often it is repeated, if it is `asked` to be so often or not asked.
    pub fn iterations(&self, asked: Option<u32>) -> u32 {
        asked.or(self.carousel.map(|carousel| carousel.iterations)).unwrap_or(1)
    }

    /// Whether a repetition that fails leaves the others alone.
    pub fn continues_on_error(&self) -> bool {
        self.carousel.is_some_and(|carousel| carousel.continue_on_error)
    }

    /// The smaller shares of its own and its carousel's `budget`.
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// Its acts, in their order.
    pub fn acts(&self) -> &[Act] {
        &self.acts
    }

    /// Whether playing it asks a model.
    pub fn calls_model(&self) -> bool {
        self.acts.iter().any(Act::calls_model)
    }

    /// The arguments without which it does not start, those of its composed narratives included.
    pub fn required_arguments(&self) -> BTreeSet<&str> {
        let mut keys = BTreeSet::new();
        for act in &self.acts {
            match &act.work {
                Work::Compose(child) => keys.extend(child.required_arguments()),
                Work::Ask(question) => keys.extend(question.templates().flat_map(Template::required_arguments)),
                Work::Fetch(_) => {}
            }
        }
        keys
    }

    /// How many acts one round plays at most, those of its composed narratives counted as often as they are played.
    pub fn acts_of_a_round(&self) -> u64 {
        self.acts.iter().fold(0_u64, |sum, act| {
            sum.saturating_add(act.composes().map_or(1, Narrative::planned_acts))
        })
    }

    /// The same of a run.
    pub(crate) fn planned_acts(&self) -> u64 {
        self.acts_of_a_round().saturating_mul(self.iterations(None).into())
    }
}

impl Act {
    /// Its name, unique in its narrative.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The narrative that it plays, if it is one.
    pub fn composes(&self) -> Option<&Narrative> {
        match &self.work {
            Work::Compose(narrative) => Some(narrative),
            Work::Ask(_) | Work::Fetch(_) => None,
        }
    }

    /// Whether playing it asks a model.
    pub fn calls_model(&self) -> bool {
        match &self.work {
            Work::Compose(narrative) => narrative.calls_model(),
            Work::Ask(_) => true,
            Work::Fetch(_) => false,
        }
    }

    /// The model that it wants; `None` leaves it to the backend.
    pub fn model(&self) -> Option<&str> {
        self.question().and_then(|question| question.model.as_deref())
    }

    /// The JSON schema of its reply.
    pub fn schema(&self) -> Option<&Value> {
        self.question().and_then(|question| question.schema.as_deref())
    }

    /// The tables that it reads, in the order of its inputs.
    pub fn tables(&self) -> Vec<&TableQuery> {
        match &self.work {
            Work::Compose(_) => Vec::new(),
            Work::Fetch(tables) => tables.iter().map(|table| &table.query).collect(),
            Work::Ask(question) => question
                .inputs
                .iter()
                .filter_map(|input| match &input.source {
                    InputSource::Table(table) => Some(&table.query),
                    InputSource::Text(_) => None,
                })
                .collect(),
        }
    }

    fn question(&self) -> Option<&Question> {
        match &self.work {
            Work::Ask(question) => Some(question),
            Work::Compose(_) | Work::Fetch(_) => None,
        }
    }
}

impl Question {
    /// The texts that hold names.
    fn templates(&self) -> impl Iterator<Item = &Template> {
        let inputs = self.inputs.iter().filter_map(|input| match &input.source {
            InputSource::Text(template) => Some(template),
            InputSource::Table(_) => None,
        });
        self.system.iter().chain(inputs)
    }
}

/// Whether `name` may name an act or an argument.
///
/// A slash would make two steps of a run look alike, and a dot would not survive in a template.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
