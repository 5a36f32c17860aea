//! One act: whether it is played, its inputs, its call and its record.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use botticelli_llm::{Message, Part, Request, Role, Timeouts};
use serde_json::Value;
use tracing::{Instrument as _, field};

use super::{
    ActFailure, Output, RunError,
    answer::{captured, complaint},
    call::{Answered, Asked, ask},
    conversation::{Turn, messages},
    gathering::{Brought, Gathered},
    playing::{Frame, Place, Played, Player},
    seed::seed_of,
};
use crate::{
    narrative::{Act, Answer, InputSource, Narrative, Question, Work},
    ports::{ActRecord, PortError, Receipt, RefusedAnswer},
    template::{Reply, Values},
};

/// An act where it is played.
pub(super) struct Step<'s, 'n> {
    pub(super) frame: &'s Frame<'n>,
    pub(super) act: &'s Act,
    /// Its name in the run.
    pub(super) name: String,
    /// Its own repetition, from 1, and their number; `None` for an act that is not repeated.
    pub(super) repetition: Option<(u32, u32)>,
    /// The act's place in the narrative, from 1.
    pub(super) number: usize,
}

impl Step<'_, '_> {
    pub(super) fn failed(&self, failure: ActFailure) -> RunError {
        RunError::Act {
            narrative: self.frame.narrative.name.clone(),
            number: self.number,
            act: self.act.name.clone(),
            failure,
        }
    }

    /// Where a narrative is played that is its input of this number, from 1.
    fn input_place(&self, number: usize) -> Place {
        Place {
            steps: format!("{}/input-{number}/", self.name),
            target: None,
            ..self.frame.place.clone()
        }
    }

    /// A record that says nothing yet.
    fn record(&self) -> ActRecord {
        ActRecord {
            narrative: self.frame.narrative.name.clone(),
            act: self.act.name.clone(),
            version: self.act.version.clone(),
            iteration: self.frame.place.iteration,
            repetition: self.repetition.map(|(repetition, _)| repetition),
            ..ActRecord::default()
        }
    }
}

/// An act's work, done.
struct Worked {
    record: ActRecord,
    /// What it cost.
    receipts: Vec<Receipt>,
    /// The media of its question that later acts still see.
    shown: Vec<Part>,
    /// What narratives that it played had to say.
    outputs: Vec<Output>,
}

impl Player<'_> {
    /// Plays an act once, unless its record was saved before, or what it asks for does not hold.
    pub(super) async fn act_once(&self, step: &Step<'_, '_>) -> Result<Played, RunError> {
        let Step { frame, act, .. } = *step;
        let key = format!("{}{}", self.options.step_prefix, step.name);
        let unsaved = |source: PortError| {
            step.failed(ActFailure::Checkpoint {
                step: key.clone(),
                source,
            })
        };
        // A narrative that is played has records of its own; only that it was passed over is on record here.
        let has_record = !matches!(act.work, Work::Compose(_)) || act.when.is_some();
        if has_record && let Some(record) = self.ports.checkpoints.load(&key).await.map_err(unsaved)? {
            let shown = self.kept_before(act.inputs(), &record.media).await;
            // What narratives among its inputs had to say is on their own records, and asks nobody.
            let mut outputs = Vec::new();
            if !record.is_skipped {
                for (number, input) in (1..).zip(act.inputs()) {
                    if let InputSource::Narrative { narrative, .. } = &input.source {
                        outputs.extend(self.compose(narrative, step.input_place(number)).await?.1);
                    }
                }
            }
            let played = self.played(step, &key, record, shown, true);
            return Ok(Played { outputs, ..played });
        }
        if let Some(when) = &act.when {
            let state = self.state();
            let holds = when.holds(&self.values(frame, &frame.tables, &state, step.repetition));
            if !holds.map_err(|error| step.failed(error.into()))? {
                let record = ActRecord {
                    is_skipped: true,
                    ..step.record()
                };
                self.ports.checkpoints.save(&key, &record, &[]).await.map_err(unsaved)?;
                return Ok(self.played(step, &key, record, Vec::new(), false));
            }
        }
        if let Work::Compose(child) = &act.work {
            return self.composed(step, child).await;
        }
        self.ports.audience.begins(&key, &act.name);
        let span = tracing::info_span!(
            "act.run",
            "narrative.name" = frame.narrative.name,
            "act.name" = act.name,
            "act.index" = step.number - 1,
            "llm.model" = field::Empty,
            "llm.tokens_in" = field::Empty,
            "llm.tokens_out" = field::Empty,
        );
        let Worked {
            mut record,
            receipts,
            shown,
            outputs,
        } = self.work(step, &key).instrument(span).await?;
        let state = captured(&act.captures, &record.reply, record.json.as_ref());
        record.state = state.map_err(|failure| step.failed(failure))?;
        let saved = self.ports.checkpoints.save(&key, &record, &receipts).await;
        saved.map_err(unsaved)?;
        let played = self.played(step, &key, record, shown, false);
        Ok(Played { outputs, ..played })
    }

    /// Plays the narrative that an act is.
    async fn composed(&self, step: &Step<'_, '_>, child: &Narrative) -> Result<Played, RunError> {
        let inner = Place {
            steps: format!("{}/", step.name),
            target: step.frame.target.clone(),
            ..step.frame.place.clone()
        };
        let (text, outputs) = self.compose(child, inner).await?;
        let (act, text): (Arc<str>, Arc<str>) = (Arc::from(step.act.name.as_str()), Arc::from(text));
        let question = question_for(child);
        Ok(Played {
            turn: Some(Turn::new(Arc::clone(&act), &question, Vec::new(), Arc::clone(&text))),
            reply: Reply { act, text, json: None },
            tables: BTreeMap::new(),
            record: None,
            outputs,
        })
    }

    /// Does the work of a step; `key` is under which its record is kept.
    async fn work(&self, step: &Step<'_, '_>, key: &str) -> Result<Worked, RunError> {
        let (gathered, outputs) = self.gather(step).await?;
        let mut record = step.record();
        // Earlier tables are on earlier records.
        let named = gathered
            .own
            .iter()
            .filter(|alias| step.frame.named.contains(alias.as_str()));
        let named = named.filter_map(|alias| Some((alias.clone(), gathered.tables.get(alias)?.to_string())));
        record.tables = named.collect();
        let Work::Ask(question) = &step.act.work else {
            record.reply = gathered.text();
            record.json = gathered.only_json().cloned();
            return Ok(Worked {
                record,
                receipts: Vec::new(),
                shown: Vec::new(),
                outputs,
            });
        };
        let answered = match self.ports.checkpoints.refused(key).await {
            Ok(refused) => self.ask(step, question, &gathered, refused).await,
            Err(source) => Err(ActFailure::Checkpoint {
                step: key.to_owned(),
                source,
            }),
        };
        let Answered {
            usable,
            reply,
            provider,
            prompt_hash,
            usage,
            calls,
            discarded,
            receipt,
        } = answered.map_err(|failure| step.failed(failure))?;
        record.prompt = Some(gathered.kept_text());
        record.media = gathered.kept_urls();
        record.reply = usable.text;
        record.json = usable.json;
        record.raw = discarded.into_iter().chain(usable.raw).collect();
        record.provider = Some(provider);
        record.model = Some(reply.model);
        record.usage = usage;
        record.calls = calls;
        record.finish = Some(reply.finish);
        record.prompt_hash = Some(prompt_hash);
        Ok(Worked {
            record,
            receipts: vec![receipt],
            shown: gathered.kept_media(),
            outputs,
        })
    }

    async fn ask(
        &self,
        step: &Step<'_, '_>,
        question: &Question,
        gathered: &Gathered,
        refused: Option<RefusedAnswer>,
    ) -> Result<Answered, ActFailure> {
        if gathered.text().is_empty() {
            return Err(ActFailure::BlankPrompt);
        }
        let Step { frame, act, name, .. } = step;
        let request = {
            let state = self.state();
            let values = self.values(frame, &gathered.tables, &state, step.repetition);
            let mut conversation = Vec::new();
            for example in &question.examples {
                conversation.push(Message::user(example.user.render(&values)?));
                conversation.push(Message::assistant(example.assistant.render(&values)?));
            }
            conversation.extend(messages(&frame.turns, &question.history, question.history_tokens));
            conversation.push(Message::of(Role::User, gathered.parts()));
            if let Some(RefusedAnswer { reply, why }) = refused {
                conversation.push(Message::assistant(reply));
                conversation.push(Message::user(complaint(&why)));
            }
            let system = question.system.as_ref().map(|system| system.render(&values));
            let seed = self.options.seed.map(|seed| seed_of(seed, name));
            Request {
                model: None,
                system: system.transpose()?.map(Arc::from),
                messages: conversation,
                schema: question.answer.schema().cloned(),
                max_tokens: question.max_tokens,
                temperature: question.temperature,
                top_p: question.top_p,
                stop: question.stop.clone(),
                seed: question.seed.or(seed),
                timeouts: timeouts(self.options.timeouts, question.timeout),
            }
        };
        // What is repeated or said in plain words may become rows with what comes after it.
        let is_last = frame.narrative.acts.last().is_some_and(|last| last.name == act.name);
        let is_rows = is_last && act.repeat.is_none() && act.stores_output && frame.narrative.stores_output;
        let is_rows = is_rows && question.answer != Answer::Text;
        let asked = Asked {
            target: frame.narrative.target.as_ref().filter(|_| is_rows),
            narrative: &frame.narrative.name,
            act: &act.name,
            step: name,
            request,
            models: &question.asked.models,
            answer: &question.answer,
            captures: &act.captures,
            repairs: question.repairs,
            budget: frame.narrative.budget.smaller(self.root.budget),
            of_act: question.spend,
            of_run: self.root.spend,
        };
        ask(self.ports, asked).await
    }

    /// Brings an act's inputs together. Tables come first, because texts beside them may name them.
    async fn gather(&self, step: &Step<'_, '_>) -> Result<(Gathered, Vec<Output>), RunError> {
        let Step { frame, act, .. } = *step;
        let key = |number: usize| format!("{}{}/input-{number}", self.options.step_prefix, step.name);
        let mut tables = frame.tables.clone();
        let (mut own, mut read) = (BTreeSet::new(), BTreeMap::new());
        for (number, input) in (1..).zip(act.inputs()) {
            let InputSource::Table(table) = &input.source else {
                continue;
            };
            let text = self.rows(table, &key(number)).await;
            let text: Arc<str> = Arc::from(text.map_err(|failure| step.failed(failure))?);
            for name in [&table.asked.query.table, &table.alias] {
                tables.insert(name.clone(), Arc::clone(&text));
                own.insert(name.clone());
            }
            read.insert(number, text);
        }
        let state = self.state();
        let values = self.values(frame, &tables, &state, step.repetition);
        let (mut brought, mut outputs) = (Vec::new(), Vec::new());
        for (number, input) in (1..).zip(act.inputs()) {
            brought.push(match &input.source {
                InputSource::Narrative { name: title, narrative } => {
                    let (text, part) = self.compose(narrative, step.input_place(number)).await?;
                    outputs.extend(part);
                    Brought::text(text, input.retention, title)
                }
                InputSource::Table(table) => {
                    let text = read.get(&number).map(ToString::to_string).unwrap_or_default();
                    Brought::text(text, input.retention, &format!("table {}", table.asked.query.table))
                }
                InputSource::Text(text) => {
                    let text = text.render(&values).map_err(|error| step.failed(error.into()))?;
                    Brought::text(text, input.retention, "text")
                }
                InputSource::Media(media) => {
                    let media = self.media(media, input.retention, &values).await;
                    media.map_err(|failure| step.failed(failure))?
                }
                InputSource::Command(command) => {
                    let answer = self.command(command, key(number), &values).await;
                    Brought::answer(
                        answer.map_err(|failure| step.failed(failure))?,
                        input.retention,
                        &command.command,
                    )
                }
            });
        }
        Ok((Gathered { brought, tables, own }, outputs))
    }

    /// What a finished act, with media that are still `shown` to later ones, means for those behind it.
    fn played(&self, step: &Step<'_, '_>, key: &str, record: ActRecord, shown: Vec<Part>, is_resumed: bool) -> Played {
        self.ports.audience.ended(key, &record, is_resumed);
        self.count(&record, is_resumed);
        let act: Arc<str> = Arc::from(step.act.name.as_str());
        let text: Arc<str> = Arc::from(record.reply.as_str());
        let prompt = record.prompt.as_ref();
        let turn = prompt.map(|prompt| Turn::new(Arc::clone(&act), prompt, shown, Arc::clone(&text)));
        let tables = record.tables.iter();
        Played {
            turn,
            tables: tables
                .map(|(alias, text)| (alias.clone(), Arc::from(text.as_str())))
                .collect(),
            reply: Reply {
                act,
                text,
                json: record.json.clone().map(Arc::new),
            },
            record: Some((step.name.clone(), record)),
            outputs: Vec::new(),
        }
    }

    pub(super) fn values<'v>(
        &'v self,
        frame: &'v Frame<'_>,
        tables: &'v BTreeMap<String, Arc<str>>,
        state: &'v BTreeMap<String, Value>,
        repetition: Option<(u32, u32)>,
    ) -> Values<'v> {
        Values {
            replies: &frame.replies,
            tables,
            iteration: frame.place.iteration,
            iterations: frame.place.iterations,
            repetition: repetition.unwrap_or((1, 1)),
            arguments: &self.options.args,
            environment: &self.options.environment,
            state,
        }
    }
}

/// The limits of a call whose act sets one of its own.
fn timeouts(usual: Timeouts, own: Option<Duration>) -> Timeouts {
    match own {
        None => usual,
        Some(total) => Timeouts {
            idle: usual.idle.min(total),
            ..Timeouts::within(total)
        },
    }
}

/// What stands before a composed narrative's replies in its parent's conversation.
///
/// Providers refuse conversations in which the model speaks first or twice in a row.
fn question_for(narrative: &Narrative) -> String {
    let description = narrative.description.trim();
    if description.is_empty() {
        narrative.name.clone()
    } else {
        description.to_owned()
    }
}
