//! Acts as one narrative plays them: with its settings, and with the names that are known there.

use std::{collections::BTreeSet, sync::Arc};

use toml::Spanned;

use super::{
    acts::{PreparedAct, PreparedWork},
    asking::{Asking, Settings},
    commands,
    inputs::{PreparedInput, PreparedSource},
    media::PreparedMedia,
    page::Page,
    schemas,
    shelf::Shelf,
    texts,
    version::version_of,
};
use crate::{
    JsonPath,
    document::{ActTable, CarouselEntry, SchemaEntry, Stage},
    narrative::{
        Act, Answer, AskedModels, Capture, Example, FetchedMedia, Input, InputSource, MediaInput, Narrative, Question,
        Repeat, Work,
    },
    template::{Known, KnownAct, KnownReply, Template},
};

/// Completes the acts of one narrative, in their order.
pub(super) struct Completer<'a> {
    shelf: &'a Shelf<'a>,
    wider: Asking<'a>,
    toc: &'a [Stage],
    has_target: bool,
    acts: Vec<Act>,
    /// Acts whose replies are text, and never anything else, because their authors said so.
    never_json: BTreeSet<String>,
    /// Acts in which something is wrong, with their stages: texts behind them may name them all the same.
    broken: Vec<(String, usize)>,
    stage: usize,
    /// How many acts had been completed when the stage began.
    before: usize,
}

/// Finds the narrative that a reference leads to, and says what is wrong with it.
pub(super) type FindNarrative<'f> = dyn FnMut(&Spanned<String>) -> Option<Arc<Narrative>> + 'f;

impl<'a> Completer<'a> {
    pub(super) fn new(shelf: &'a Shelf<'a>, wider: Asking<'a>, toc: &'a [Stage], has_target: bool) -> Self {
        Self {
            shelf,
            wider,
            toc,
            has_target,
            acts: Vec::new(),
            never_json: BTreeSet::new(),
            broken: Vec::new(),
            stage: 0,
            before: 0,
        }
    }

    /// Begins the stage of this number, whose acts do not see each other.
    pub(super) fn begin(&mut self, stage: usize) {
        self.stage = stage;
        self.before = self.acts.len();
    }

    /// Notes that something is wrong with the act of this name.
    pub(super) fn skip(&mut self, name: &str) {
        self.broken.push((name.to_owned(), self.stage));
    }

    /// The completed acts, with their versions.
    pub(super) fn finish(mut self) -> Vec<Act> {
        for act in &mut self.acts {
            act.version = version_of(act.described());
        }
        self.acts
    }

    /// Adds the act that `entry` of the `toc` names; `None` when something is wrong with it.
    pub(super) fn complete(
        &mut self,
        prepared: &'a PreparedAct<'a>,
        entry: &Spanned<String>,
        narratives: &mut FindNarrative<'_>,
    ) -> Option<()> {
        let page = self.shelf.page;
        let table = prepared.table;
        let is_last = self.stage + 1 == self.toc.len();
        if table.is_some_and(|table| matches!(&table.extract_output, Some(extract) if !extract.get_ref())) {
            self.never_json.insert(entry.get_ref().clone());
        }
        let answer = matches!(prepared.work, PreparedWork::Ask(_)).then(|| self.answer(table, is_last));
        let aliases: BTreeSet<String> = self.aliases(prepared);
        // In its own repetitions an act knows what it said in the last one.
        let itself = table.and_then(|table| table.carousel.as_ref()).map(|_| KnownAct {
            name: entry.get_ref(),
            reply: self.own_reply(prepared, answer.as_ref()),
        });
        let known = self.known(&aliases, itself);
        let work = match &prepared.work {
            PreparedWork::Compose(reference) => narratives(reference).map(Work::Compose),
            PreparedWork::Gather(inputs) => self.inputs(&known, inputs, narratives).map(Work::Gather),
            PreparedWork::Ask(prepared_inputs) => {
                let inputs = self.inputs(&known, prepared_inputs, narratives);
                let question = self.question(&known, prepared, prepared_inputs, answer.flatten());
                match (inputs, question) {
                    (Some(inputs), Some(question)) => Some(Work::Ask(Box::new(Question { inputs, ..question }))),
                    _ => None,
                }
            }
        };
        let when = table.and_then(|table| table.when.as_ref());
        let when = when.map(|written| texts::expression(page, &known, written));
        let repeat = table.and_then(|table| table.carousel.as_ref());
        let repeat = repeat.map(|entry| repeat_of(page, &known, entry.get_ref()));
        let captures = table.and_then(|table| table.state_capture.as_ref());
        let captures = captures.map_or(Some(Vec::new()), |captures| {
            let read = captures.0.iter().map(|(key, path)| capture(page, key, path));
            read.collect::<Vec<_>>().into_iter().collect()
        });
        let must_be_json = known.must_be_json.take();
        let parts = known.parts.take();
        drop(known);
        let stores_output = table.is_none_or(|table| !table.skip_content_generation);
        self.acts.push(Act {
            name: entry.get_ref().clone(),
            stage: self.stage,
            work: work?,
            when: flip(when)?,
            repeat: flip(repeat)?,
            captures: captures?,
            stores_output,
            parts: BTreeSet::new(),
            version: String::new(),
        });
        self.ask_for_json(&must_be_json);
        for (name, part) in parts {
            if let Some(asked) = self.acts.iter_mut().find(|act| act.name == name) {
                asked.parts.insert(part);
            }
        }
        Some(())
    }

    /// Lets the acts answer with JSON of which a later act uses a part.
    fn ask_for_json(&mut self, names: &BTreeSet<String>) {
        for act in self.acts.iter_mut().filter(|act| names.contains(&act.name)) {
            if let Work::Ask(question) = &mut act.work {
                question.answer = Answer::Json;
            }
        }
    }

    /// The aliases of tables that are read up to and in this act.
    fn aliases(&self, prepared: &PreparedAct<'_>) -> BTreeSet<String> {
        let (PreparedWork::Ask(own) | PreparedWork::Gather(own)) = &prepared.work else {
            return BTreeSet::new();
        };
        let earlier = self.acts[..self.before].iter().flat_map(Act::inputs);
        let earlier = earlier.filter_map(|input| match &input.source {
            InputSource::Table(table) => Some(table),
            _ => None,
        });
        let own = own.iter().filter_map(|input| match &input.source {
            PreparedSource::Table(table) => Some(&**table),
            _ => None,
        });
        earlier
            .chain(own)
            .flat_map(|table| [table.alias.clone(), table.asked.query.table.clone()])
            .collect()
    }

    /// What an act knows of its own reply, whose answer is `None` where it asks no model and `Some(None)` where something is
    /// wrong with it.
    fn own_reply(&self, prepared: &PreparedAct<'_>, answer: Option<&Option<Answer>>) -> KnownReply {
        match (&prepared.work, answer) {
            (PreparedWork::Ask(_), _) if self.never_json.contains(prepared.name.get_ref()) => KnownReply::Text,
            (PreparedWork::Ask(_), Some(Some(answer))) => reply_of(answer),
            (PreparedWork::Gather(inputs), _) => match inputs.as_slice() {
                [input] if matches!(input.source, PreparedSource::Command(_)) => KnownReply::Json,
                _ => KnownReply::Text,
            },
            (PreparedWork::Compose(_), _) => KnownReply::Text,
            (PreparedWork::Ask(_), _) => KnownReply::Json,
        }
    }

    fn known<'k>(&'k self, aliases: &'k BTreeSet<String>, itself: Option<KnownAct<'k>>) -> Known<'k> {
        let acts = self.acts[..self.before].iter().map(|act| KnownAct {
            name: &act.name,
            reply: if self.never_json.contains(&act.name) {
                KnownReply::Text
            } else {
                known_reply(act)
            },
        });
        let broken = self.broken.iter().filter(|(_, stage)| *stage < self.stage);
        let broken = broken.map(|(name, _)| KnownAct {
            name,
            reply: KnownReply::Json,
        });
        let mut acts: Vec<KnownAct<'k>> = acts.chain(broken).collect();
        let earlier: BTreeSet<&str> = acts.iter().map(|act| act.name).collect();
        let all = self
            .toc
            .iter()
            .flat_map(|stage| &stage.0)
            .map(|act| act.get_ref().as_str());
        let later = all.filter(|act| !earlier.contains(act)).collect();
        acts.extend(itself);
        Known {
            acts,
            later,
            tables: aliases.iter().map(String::as_str).collect(),
            environment: self.shelf.surroundings.environment,
            ..Known::default()
        }
    }

    /// What an act asks but for its inputs, if its `answer` and everything else of it is right.
    fn question(
        &self,
        known: &Known<'_>,
        prepared: &'a PreparedAct<'a>,
        inputs: &[PreparedInput<'_>],
        answer: Option<Answer>,
    ) -> Option<Question> {
        let page = self.shelf.page;
        let table = prepared.table;
        let asking = table.map_or_else(Asking::default, Asking::of_act).or(self.wider);
        let earlier: Vec<&str> = self.acts[..self.before].iter().map(|act| act.name.as_str()).collect();
        let settings = asking.read(page, &earlier, self.toc);
        let system = asking.system.map(|written| texts::prompt(page, known, written));
        let examples = table.and_then(|table| table.examples.as_ref()).into_iter().flatten();
        let examples = examples.map(|example| {
            let user = texts::prompt(page, known, &example.user);
            let assistant = texts::prompt(page, known, &example.assistant);
            Some(Example {
                user: user?,
                assistant: assistant?,
            })
        });
        let examples: Vec<Option<Example>> = examples.collect();
        let Settings {
            models,
            temperature,
            max_tokens,
            top_p,
            stop,
            seed,
            timeout,
            history,
            history_tokens,
            repairs,
        } = settings;
        let asked = Arc::new(AskedModels {
            act: page.place(&prepared.name.span()),
            models,
            kinds: inputs.iter().filter_map(PreparedInput::media_kind).collect(),
        });
        if asking.names_models() {
            page.needs.borrow_mut().add_models(&asked);
        }
        let spend = page.spend(table.and_then(|table| table.spend.as_ref()));
        Some(Question {
            inputs: Vec::new(),
            system: flip(system)?,
            examples: examples.into_iter().collect::<Option<_>>()?,
            asked,
            temperature,
            top_p,
            stop,
            seed,
            max_tokens,
            timeout,
            history,
            history_tokens,
            answer: answer?,
            repairs,
            spend,
        })
    }

    fn answer(&self, table: Option<&ActTable>, is_last: bool) -> Option<Answer> {
        let page = self.shelf.page;
        let extract = table.and_then(|table| table.extract_output.as_ref());
        let schema = match table.and_then(|table| table.schema.as_ref()) {
            None => None,
            Some(entry) => Some(match entry.get_ref() {
                SchemaEntry::Reference(name) => self.shelf.schema(&Spanned::new(entry.span(), name.clone()))?,
                SchemaEntry::Inline(schema) => schemas::schema(page, &entry.span(), schema)?,
            }),
        };
        Some(match (schema, extract.map(|extract| *extract.get_ref())) {
            (Some(_), Some(false)) => {
                let place = extract.map_or(0..0, Spanned::span);
                page.error(
                    &place,
                    "foreign-key",
                    "an act with a `schema` answers with JSON; leave `extract_output` out",
                );
                return None;
            }
            (Some(schema), _) => Answer::Schema(schema),
            (None, Some(true)) => Answer::Json,
            (None, None) if takes_parts(table) => Answer::Json,
            (None, None) if is_last && self.has_target => Answer::TextOrJson,
            (None, Some(false) | None) => Answer::Text,
        })
    }

    fn inputs(
        &self,
        known: &Known<'_>,
        inputs: &[PreparedInput<'_>],
        narratives: &mut FindNarrative<'_>,
    ) -> Option<Vec<Input>> {
        let completed: Vec<Option<Input>> = inputs
            .iter()
            .map(|input| {
                Some(Input {
                    source: self.source(known, &input.source, narratives)?,
                    retention: input.retention,
                })
            })
            .collect();
        completed.into_iter().collect()
    }

    fn source(
        &self,
        known: &Known<'_>,
        source: &PreparedSource<'_>,
        narratives: &mut FindNarrative<'_>,
    ) -> Option<InputSource> {
        let page = self.shelf.page;
        Some(match source {
            PreparedSource::Text(written) => InputSource::Text(texts::prompt(page, known, written)?),
            PreparedSource::Media(PreparedMedia::Text(text)) => InputSource::Text(Template::literal(text)),
            PreparedSource::Media(PreparedMedia::Here(media)) => {
                InputSource::Media(MediaInput::Here(Arc::clone(media)))
            }
            PreparedSource::Media(PreparedMedia::Fetch {
                url,
                mime,
                filename,
                kind,
            }) => InputSource::Media(MediaInput::Fetch(FetchedMedia {
                url: texts::template(page, known, url)?,
                mime: mime.clone(),
                filename: filename.clone(),
                kind: *kind,
            })),
            PreparedSource::Table(table) => InputSource::Table((**table).clone()),
            PreparedSource::Command(command) => InputSource::Command(Box::new(commands::complete(
                page,
                self.shelf.surroundings,
                known,
                command.command(),
            )?)),
            PreparedSource::Narrative(reference) => InputSource::Narrative {
                name: reference.get_ref().clone(),
                narrative: narratives(reference)?,
            },
        })
    }
}

/// The value, if what was written is right or nothing was.
#[expect(
    clippy::option_option,
    reason = "not written, written and wrong, written and right are three cases"
)]
fn flip<T>(written: Option<Option<T>>) -> Option<Option<T>> {
    match written {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

/// Whether parts of the reply are kept in the state, which only JSON has.
fn takes_parts(table: Option<&ActTable>) -> bool {
    let captures = table.and_then(|table| table.state_capture.as_ref());
    captures.is_some_and(|captures| captures.0.iter().any(|(_, path)| path.get_ref() != "$"))
}

fn repeat_of(page: &Page<'_>, known: &Known<'_>, entry: &CarouselEntry) -> Option<Repeat> {
    let carousel = page.carousel(entry);
    if let Some(budget) = &entry.budget {
        page.budget(std::iter::once(budget));
    }
    let until = entry
        .until
        .as_ref()
        .map(|written| texts::expression(page, known, written));
    Some(Repeat {
        iterations: carousel.iterations,
        continues_on_error: carousel.continue_on_error,
        until: flip(until)?,
    })
}

/// The longest key of the state.
const LONGEST_KEY: usize = 200;

/// Reads `KEY = "$.path.to[0].part"`.
fn capture(page: &Page<'_>, key: &Spanned<String>, path: &Spanned<String>) -> Option<Capture> {
    let is_key = |key: &str| {
        (1..=LONGEST_KEY).contains(&key.len())
            && key
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
    };
    if !is_key(key.get_ref()) {
        let message = format!(
            "`{key}` cannot be a key of the state; use letters, digits, `_`, `.` and `-`, at most {LONGEST_KEY}"
        );
        page.error(&key.span(), "not-a-name", message);
        return None;
    }
    let Some(read) = JsonPath::parse(path.get_ref()) else {
        let message = format!("`{path}` is not a path; write `$` for the whole reply, or such as `$.items[0].id`");
        page.error(&path.span(), "wrong-value", message);
        return None;
    };
    Some(Capture {
        key: key.get_ref().clone(),
        path: read,
    })
}

/// The version of a narrative whose acts have theirs.
pub(super) fn version_of_narrative(narrative: &Narrative) -> String {
    version_of(narrative.described())
}

/// What the acts behind it know of an act.
fn known_reply(act: &Act) -> KnownReply {
    match &act.work {
        Work::Ask(question) => reply_of(&question.answer),
        Work::Gather(inputs) => match inputs.as_slice() {
            [input] if matches!(input.source, InputSource::Command(_)) => KnownReply::Json,
            _ => KnownReply::Text,
        },
        Work::Compose(_) => KnownReply::Text,
    }
}

/// What is known of a reply that is to be this.
fn reply_of(answer: &Answer) -> KnownReply {
    match answer {
        Answer::Schema(schema) => KnownReply::Schema(Arc::clone(schema)),
        Answer::Json => KnownReply::Json,
        Answer::Text | Answer::TextOrJson => KnownReply::Open,
    }
}
