//! A narrative that has been checked and can be played.

mod description;
mod needs;
mod question;

pub use needs::{AskedModel, AskedModels, AskedTable, Needs};
pub use question::ModelChoice;

pub(crate) use question::{
    Answer, Argument, CommandInput, Example, FetchedMedia, History, Input, InputSource, MediaInput, Question,
    Retention, TableInput,
};

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use crate::{
    JsonPath,
    table::TableQuery,
    template::{Expression, Template},
};

/// A checked narrative with everything that it needs, the narratives it is composed of included.
#[derive(Debug, Clone)]
pub struct Narrative {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) target: Option<Target>,
    pub(crate) stores_output: bool,
    pub(crate) carousel: Option<Carousel>,
    pub(crate) budget: Budget,
    pub(crate) spend: Spend,
    pub(crate) acts: Vec<Act>,
    pub(crate) version: String,
}

/// Where a narrative's output belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The table.
    pub table: String,
    /// An existing table whose columns describe the output, if the narrative names one.
    pub template: Option<String>,
}

/// One act of a narrative.
#[derive(Debug, Clone)]
pub struct Act {
    pub(crate) name: String,
    /// Acts of one stage stand beside each other and are played side by side; stages are counted from 0.
    pub(crate) stage: usize,
    pub(crate) work: Work,
    /// What must hold for the act to be played.
    pub(crate) when: Option<Expression>,
    pub(crate) repeat: Option<Repeat>,
    /// Parts of the reply that are kept in the state, by key.
    pub(crate) captures: Vec<Capture>,
    pub(crate) stores_output: bool,
    /// The parts of its reply that texts ask for, as steps from its JSON; one without steps is the whole of that.
    pub(crate) parts: BTreeSet<Vec<String>>,
    pub(crate) version: String,
}

/// What an act does.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// It plays another narrative.
    Compose(Arc<Narrative>),
    /// It asks a model.
    Ask(Box<Question>),
    /// It only brings its inputs.
    Gather(Vec<Input>),
}

/// How often a narrative is repeated in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carousel {
    /// The repetitions, 1 to 1000.
    pub iterations: u32,
    /// What the author expects one repetition to use; 1000 unless written.
    pub estimated_tokens_per_iteration: u32,
    /// Whether a failed repetition leaves the others running; false unless written.
    pub continue_on_error: bool,
}

/// How often an act is repeated.
#[derive(Debug, Clone)]
pub(crate) struct Repeat {
    pub(crate) iterations: u32,
    pub(crate) continues_on_error: bool,
    /// What ends it early.
    pub(crate) until: Option<Expression>,
}

/// A part of a reply that is kept in the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Capture {
    pub(crate) key: String,
    /// From the reply's JSON to the part.
    pub(crate) path: JsonPath,
}

/// The share of a provider's limits that a narrative may use, each over 0 and at most 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Of the requests in a minute, written `rpm_multiplier`.
    pub requests_per_minute: f64,
    /// Of the tokens in a minute, written `tpm_multiplier`.
    pub tokens_per_minute: f64,
    /// Of the requests in a day, written `rpd_multiplier`.
    pub requests_per_day: f64,
}

impl Budget {
    /// The smaller of each share.
    #[must_use]
    pub(crate) fn smaller(self, other: Self) -> Self {
        Self {
            requests_per_minute: self.requests_per_minute.min(other.requests_per_minute),
            tokens_per_minute: self.tokens_per_minute.min(other.tokens_per_minute),
            requests_per_day: self.requests_per_day.min(other.requests_per_day),
        }
    }
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

/// The most that a run of a narrative, or an act in a run, may use up; `None` sets no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spend {
    /// Tokens, of prompts and answers together.
    pub tokens: Option<u64>,
    /// Calls of models.
    pub calls: Option<u64>,
    /// Money, in millionths of a dollar.
    pub micro_usd: Option<u64>,
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

    /// A hash of everything in it that decides what models are asked, narratives that it plays included: 16 hexadecimal
    /// digits of SHA-256.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where its output belongs: its `target`, or its `template` where it has none, and nothing where it has
    /// `skip_content_generation`.
    pub fn target(&self) -> Option<&Target> {
        self.target.as_ref().filter(|_| self.stores_output)
    }

    /// The tables that its output, or that of a narrative that it plays, belongs to.
    pub fn targets(&self) -> BTreeSet<&str> {
        let mut tables: BTreeSet<&str> = self.composed().flat_map(Self::targets).collect();
        tables.extend(self.target().map(|target| target.table.as_str()));
        tables
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

    /// What one run of it may use up.
    pub fn spend(&self) -> Spend {
        self.spend
    }

    /// Its acts, in their order.
    pub fn acts(&self) -> &[Act] {
        &self.acts
    }

    /// Whether playing it asks a model.
    pub fn calls_model(&self) -> bool {
        self.acts.iter().any(Act::calls_model)
    }

    /// The commands for platforms that playing it runs, as platform and command.
    pub fn commands(&self) -> BTreeSet<(&str, &str)> {
        let own = self
            .acts
            .iter()
            .flat_map(Act::inputs)
            .filter_map(|input| match &input.source {
                InputSource::Command(command) => Some((command.platform.as_str(), command.command.as_str())),
                _ => None,
            });
        own.chain(self.composed().flat_map(Self::commands)).collect()
    }

    /// The arguments without which it does not start, those of its composed narratives included.
    pub fn required_arguments(&self) -> BTreeSet<&str> {
        let own = self
            .acts
            .iter()
            .flat_map(Act::templates)
            .flat_map(Template::required_arguments);
        own.chain(self.composed().flat_map(Self::required_arguments)).collect()
    }

    /// The keys of the state that it reads.
    pub fn state_keys(&self) -> BTreeSet<&str> {
        let own = self.acts.iter().flat_map(Act::templates).flat_map(Template::state_keys);
        own.chain(self.composed().flat_map(Self::state_keys)).collect()
    }

    /// What it and the narratives that it plays need.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        for act in &self.acts {
            if let Some(question) = act.question() {
                needs.add_models(&question.asked);
            }
            for input in act.inputs() {
                if let InputSource::Table(table) = &input.source {
                    needs.add_table(&table.asked);
                }
            }
        }
        for narrative in self.composed() {
            needs.extend(&narrative.needs());
        }
        needs
    }

    /// How many acts one round plays at most, those of its composed narratives counted as often as they are played.
    pub fn acts_of_a_round(&self) -> u64 {
        self.acts.iter().fold(0_u64, |sum, act| {
            let inner = act
                .composed()
                .fold(0_u64, |sum, child| sum.saturating_add(child.planned_acts()));
            let once = match act.work {
                Work::Compose(_) => inner,
                Work::Ask(_) | Work::Gather(_) => inner.saturating_add(1),
            };
            let times = act.repeat.as_ref().map_or(1, |repeat| repeat.iterations);
            sum.saturating_add(once.saturating_mul(times.into()))
        })
    }

    /// It and every narrative that playing it plays, at whatever depth.
    pub fn with_composed(&self) -> Vec<&Self> {
        let mut narratives = vec![self];
        narratives.extend(self.composed().flat_map(Self::with_composed));
        narratives
    }

    /// The same of a run.
    pub(crate) fn planned_acts(&self) -> u64 {
        self.acts_of_a_round().saturating_mul(self.iterations(None).into())
    }

    fn composed(&self) -> impl Iterator<Item = &Self> {
        self.acts.iter().flat_map(Act::composed)
    }
}

impl Act {
    /// Its name, unique in its narrative.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A hash of everything in it that decides what models are asked: 16 hexadecimal digits of SHA-256.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The narrative that it plays, if it is one.
    pub fn composes(&self) -> Option<&Narrative> {
        match &self.work {
            Work::Compose(narrative) => Some(narrative),
            Work::Ask(_) | Work::Gather(_) => None,
        }
    }

    /// Whether playing it asks a model.
    pub fn calls_model(&self) -> bool {
        matches!(self.work, Work::Ask(_)) || self.composed().any(Narrative::calls_model)
    }

    /// The model that it asks first; `None` leaves that to the settings.
    pub fn model(&self) -> Option<&str> {
        self.question()?.asked.models.first()?.choice.model.as_deref()
    }

    /// The JSON schema of its reply.
    pub fn schema(&self) -> Option<&Value> {
        self.question()?.answer.schema().map(AsRef::as_ref)
    }

    /// The same, shared.
    pub(crate) fn schema_of_reply(&self) -> Option<Arc<Value>> {
        self.question()?.answer.schema().cloned()
    }

    /// Whether its reply must be JSON.
    pub fn wants_json(&self) -> bool {
        self.question()
            .is_some_and(|question| matches!(question.answer, Answer::Json | Answer::Schema(_)))
    }

    /// The parts of its reply that texts of its narrative ask for, as steps from its JSON.
    pub fn parts(&self) -> impl Iterator<Item = &[String]> {
        self.parts.iter().map(Vec::as_slice)
    }

    /// The tables that it reads, in the order of its inputs.
    pub fn tables(&self) -> Vec<&TableQuery> {
        let tables = self.inputs().iter().filter_map(|input| match &input.source {
            InputSource::Table(table) => Some(&table.asked.query),
            _ => None,
        });
        tables.collect()
    }

    pub(crate) fn inputs(&self) -> &[Input] {
        match &self.work {
            Work::Compose(_) => &[],
            Work::Gather(inputs) => inputs,
            Work::Ask(question) => &question.inputs,
        }
    }

    /// The narratives that playing it plays.
    fn composed(&self) -> impl Iterator<Item = &Narrative> {
        let inputs = self.inputs().iter().filter_map(|input| match &input.source {
            InputSource::Narrative { narrative, .. } => Some(&**narrative),
            _ => None,
        });
        self.composes().into_iter().chain(inputs)
    }

    fn question(&self) -> Option<&Question> {
        match &self.work {
            Work::Ask(question) => Some(question),
            Work::Compose(_) | Work::Gather(_) => None,
        }
    }

    /// Everything of it that holds names.
    pub(crate) fn templates(&self) -> Vec<&Template> {
        let mut templates = Vec::new();
        templates.extend(self.when.as_ref().map(Expression::template));
        templates.extend(
            self.repeat
                .iter()
                .filter_map(|repeat| repeat.until.as_ref())
                .map(Expression::template),
        );
        if let Some(question) = self.question() {
            templates.extend(&question.system);
            templates.extend(
                question
                    .examples
                    .iter()
                    .flat_map(|example| [&example.user, &example.assistant]),
            );
        }
        for input in self.inputs() {
            match &input.source {
                InputSource::Text(text) => templates.push(text),
                InputSource::Media(MediaInput::Fetch(fetched)) => templates.push(&fetched.url),
                InputSource::Command(command) => {
                    for (_, argument) in &command.args {
                        argument.collect_templates(&mut templates);
                    }
                }
                InputSource::Media(MediaInput::Here(_)) | InputSource::Table(_) | InputSource::Narrative { .. } => {}
            }
        }
        templates
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
