//! One run: stages, repetitions, narratives in narratives, and what they add up to.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::RangeInclusive,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use botticelli_llm::{Media, MediaKind};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use super::{
    NarrativeRun, Output, PARALLELISM, RunError, RunOptions, acting::Step, conversation::Turn, gathering::joined,
};
use crate::{
    narrative::{Act, Narrative, Target},
    ports::{ActRecord, Ports},
    template::{Reply, Template},
};

/// A part of the run, boxed because narratives stand in each other.
pub(super) type Playing<'s, T> = Pin<Box<dyn Future<Output = Result<T, RunError>> + Send + 's>>;

/// What was fetched: its address, and the kind and the type that it had to be.
pub(super) type Wanted = (String, Option<MediaKind>, Option<String>);

/// A run in progress.
pub(super) struct Player<'a> {
    pub(super) ports: &'a Ports<'a>,
    pub(super) options: &'a RunOptions,
    pub(super) root: &'a Narrative,
    /// What earlier runs kept, and what this one has kept so far.
    pub(super) state: Mutex<BTreeMap<String, Value>>,
    /// What all acts together came to, those of failed repetitions included; the outputs are not in it.
    pub(super) tally: Mutex<NarrativeRun>,
    pub(super) fetched: tokio::sync::Mutex<HashMap<Wanted, Arc<Media>>>,
}

/// Where in the run a narrative is played.
#[derive(Clone)]
pub(super) struct Place {
    /// The key of the step it is, ending in a slash; empty for the run itself.
    pub(super) steps: String,
    pub(super) iteration: u32,
    pub(super) iterations: u32,
    /// The target of the narrative that composes it.
    pub(super) target: Option<Target>,
}

/// One playing of a narrative: what its acts have said so far.
pub(super) struct Frame<'n> {
    pub(super) narrative: &'n Narrative,
    pub(super) place: Place,
    pub(super) target: Option<Target>,
    pub(super) turns: Vec<Turn>,
    pub(super) replies: Vec<Reply>,
    pub(super) tables: BTreeMap<String, Arc<str>>,
    /// The names that its texts use.
    pub(super) named: BTreeSet<&'n str>,
}

/// What came of an act.
pub(super) struct Played {
    pub(super) reply: Reply,
    pub(super) turn: Option<Turn>,
    pub(super) tables: BTreeMap<String, Arc<str>>,
    /// The record of an act that has one of its own.
    pub(super) record: Option<(String, ActRecord)>,
    /// What the narratives that it played had to say.
    pub(super) outputs: Vec<Output>,
}

/// What failed of something that is repeated, and leaves the other repetitions alone.
#[derive(Default)]
struct Failures(Vec<RunError>);

impl Failures {
    /// How it fails all in all that ends with `error`. A wait costs the run no try, and whoever comes back plays again what failed:
    /// what was paid for must cost one.
    fn rather_than(mut self, error: RunError) -> RunError {
        if error.is_wait() {
            self.0.pop().unwrap_or(error)
        } else {
            error
        }
    }

    /// Counts them. When nothing else came of it, the last of them goes up instead, where it is counted if the run survives it.
    fn settle(mut self, survived: bool, tally: &mut NarrativeRun) -> Result<(), RunError> {
        let last = if survived { None } else { self.0.pop() };
        for error in &self.0 {
            tally.acts_failed += 1;
            tally.failures.push(error.chain());
        }
        last.map_or(Ok(()), Err)
    }
}

impl Player<'_> {
    /// Plays the run's own narrative.
    pub(super) async fn play(&self) -> Result<NarrativeRun, RunError> {
        let iterations = self.root.iterations(self.options.iterations);
        let rounds = match self.options.round {
            Some(round) => round..=round,
            None => 1..=iterations,
        };
        let place = Place {
            steps: String::new(),
            iteration: 1,
            iterations,
            target: None,
        };
        let is_patient = self.root.continues_on_error();
        let (_, outputs) = self.repeat(self.root, place, rounds, is_patient).await?;
        let tally = std::mem::take(&mut *self.tally());
        Ok(NarrativeRun { outputs, ..tally })
    }

    /// Plays a narrative that another one is composed of; gives back its replies.
    pub(super) fn compose<'s>(
        &'s self,
        narrative: &'s Narrative,
        mut place: Place,
    ) -> Playing<'s, (String, Vec<Output>)> {
        match narrative.carousel {
            Some(carousel) => {
                place.iterations = carousel.iterations;
                self.repeat(narrative, place, 1..=carousel.iterations, carousel.continue_on_error)
            }
            None => self.once(narrative, place),
        }
    }

    fn repeat<'s>(
        &'s self,
        narrative: &'s Narrative,
        place: Place,
        rounds: RangeInclusive<u32>,
        is_patient: bool,
    ) -> Playing<'s, (String, Vec<Output>)> {
        Box::pin(async move {
            let mut replies = Vec::new();
            let mut outputs = Vec::new();
            let mut failures = Failures::default();
            for iteration in rounds {
                let turn = Place {
                    steps: format!("{}{iteration}/", place.steps),
                    iteration,
                    ..place.clone()
                };
                match self.once(narrative, turn).await {
                    Ok((reply, part)) => {
                        replies.push(reply);
                        outputs.extend(part);
                    }
                    Err(error) if is_patient && error.is_of_one_repetition() => {
                        tracing::warn!(
                            "narrative.name" = narrative.name,
                            iteration,
                            error = error.chain(),
                            "a repetition failed; going on with the next"
                        );
                        failures.0.push(error);
                    }
                    Err(error) => return Err(failures.rather_than(error)),
                }
            }
            failures.settle(!replies.is_empty(), &mut self.tally())?;
            Ok((joined(replies.iter().map(String::as_str)), outputs))
        })
    }

    fn once<'s>(&'s self, narrative: &'s Narrative, place: Place) -> Playing<'s, (String, Vec<Output>)> {
        Box::pin(async move {
            let target = narrative.target.clone().or_else(|| place.target.clone());
            let mut frame = Frame {
                narrative,
                target: target.filter(|_| narrative.stores_output),
                place,
                turns: Vec::new(),
                replies: Vec::new(),
                tables: BTreeMap::new(),
                named: narrative
                    .acts
                    .iter()
                    .flat_map(Act::templates)
                    .flat_map(Template::heads)
                    .collect(),
            };
            let mut outputs = Vec::new();
            let mut last = None;
            let mut at = 0;
            while let Some(first) = narrative.acts.get(at) {
                let length = narrative.acts[at..]
                    .iter()
                    .take_while(|act| act.stage == first.stage)
                    .count();
                let stage = &narrative.acts[at..at + length];
                let played: Vec<Result<Played, RunError>> = if let [act] = stage {
                    vec![self.act(&frame, act, at + 1).await]
                } else {
                    // All of them are played to their ends, also behind one that fails: their answers are being paid for.
                    let mut acts: Vec<Playing<'_, Played>> = Vec::new();
                    for (act, number) in stage.iter().zip(at + 1..) {
                        acts.push(Box::pin(self.act(&frame, act, number)));
                    }
                    stream::iter(acts).buffered(PARALLELISM).collect().await
                };
                for (act, played) in stage.iter().zip(played) {
                    let played = played?;
                    outputs.extend(played.outputs);
                    frame.turns.extend(played.turn);
                    frame.replies.push(played.reply);
                    frame.tables.extend(played.tables);
                    last = played.record.map(|(step, record)| (act, step, record));
                }
                at += length;
            }
            if let Some((act, step, record)) = last.filter(|(_, _, record)| !record.is_skipped) {
                outputs.push(Output {
                    narrative: narrative.name.clone(),
                    version: narrative.version.clone(),
                    act: act.name.clone(),
                    iteration: frame.place.iteration,
                    target: frame.target.filter(|_| act.stores_output),
                    text: record.reply,
                    json: record.json,
                    schema: act.schema_of_reply(),
                    step: format!("{}{}", self.options.step_prefix, step),
                    provider: record.provider,
                    model: record.model,
                    prompt_hash: record.prompt_hash,
                });
            }
            Ok((joined(frame.replies.iter().map(|reply| &*reply.text)), outputs))
        })
    }

    /// Plays one act, as often as it is to be repeated.
    async fn act(&self, frame: &Frame<'_>, act: &Act, number: usize) -> Result<Played, RunError> {
        let name = format!("{}{}", frame.place.steps, act.name);
        let Some(repeat) = &act.repeat else {
            let step = Step {
                frame,
                act,
                name,
                repetition: None,
                number,
            };
            return self.act_once(&step).await;
        };
        let mut seen = Frame {
            turns: frame.turns.clone(),
            replies: frame.replies.clone(),
            tables: frame.tables.clone(),
            place: frame.place.clone(),
            target: frame.target.clone(),
            named: frame.named.clone(),
            narrative: frame.narrative,
        };
        // What it said in the last repetition is nothing in the first.
        seen.replies.push(Reply::nothing(&act.name));
        let mut outputs = Vec::new();
        let (mut last, mut failures) = (None::<Played>, Failures::default());
        for repetition in 1..=repeat.iterations {
            let step = Step {
                frame: &seen,
                act,
                name: format!("{name}/{repetition}"),
                repetition: Some((repetition, repeat.iterations)),
                number,
            };
            let mut played = match self.act_once(&step).await {
                Ok(played) => played,
                Err(error) if repeat.continues_on_error && error.is_of_one_repetition() => {
                    failures.0.push(error);
                    continue;
                }
                Err(error) => return Err(failures.rather_than(error)),
            };
            outputs.append(&mut played.outputs);
            let repetition = step.repetition;
            if let Some(own) = seen.replies.last_mut() {
                *own = played.reply.clone();
            }
            seen.turns.extend(played.turn.clone());
            let is_skipped = played.record.as_ref().is_some_and(|(_, record)| record.is_skipped);
            // An act that was passed over has said nothing that a condition could be about.
            let is_over = match &repeat.until {
                None => is_skipped,
                Some(_) if is_skipped => true,
                Some(until) => {
                    let state = self.state();
                    let holds = until.holds(&self.values(&seen, &seen.tables, &state, repetition));
                    holds.map_err(|error| RunError::Act {
                        narrative: frame.narrative.name.clone(),
                        number,
                        act: act.name.clone(),
                        failure: error.into(),
                    })?
                }
            };
            last = Some(Played {
                outputs: Vec::new(),
                ..played
            });
            if is_over {
                break;
            }
        }
        failures.settle(last.is_some(), &mut self.tally())?;
        let played = last.ok_or_else(|| RunError::Iterations {
            narrative: frame.narrative.name.clone(),
            iterations: 0,
        })?;
        Ok(Played { outputs, ..played })
    }

    /// Counts a finished act, and keeps what it has for the state.
    pub(super) fn count(&self, record: &ActRecord, is_resumed: bool) {
        let mut tally = self.tally();
        tally.usage += record.usage;
        tally.calls += record.calls;
        match (record.is_skipped, is_resumed) {
            (true, _) => tally.acts_skipped += 1,
            (false, true) => tally.acts_resumed += 1,
            (false, false) => tally.acts_run += 1,
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.extend(record.state.iter().map(|(key, value)| (key.clone(), value.clone())));
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, NarrativeRun> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> BTreeMap<String, Value> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
