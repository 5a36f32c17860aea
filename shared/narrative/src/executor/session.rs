//! One run: repetitions, narratives in narratives, and what they add up to.

use std::{ops::RangeInclusive, pin::Pin};

use super::{
    NarrativeRun, Output, RunError, RunOptions,
    act::{Frame, ask, fetch},
};
use crate::{
    narrative::{Narrative, Work},
    ports::{ActRecord, Ports},
    template::Reply,
};

/// A narrative's part of the run, boxed because narratives stand in each other.
type Playing<'s> = Pin<Box<dyn Future<Output = Result<String, RunError>> + Send + 's>>;

/// A run in progress.
pub(super) struct Session<'a> {
    ports: &'a Ports<'a>,
    options: &'a RunOptions,
    on_act: &'a mut (dyn FnMut(&ActRecord, bool) + Send),
    run: NarrativeRun,
}

/// Where in the run a narrative is played.
#[derive(Clone)]
struct Place {
    /// The key of the step it is, ending in a slash; empty for the run itself.
    steps: String,
    iteration: u32,
    iterations: u32,
    /// The target of the narrative that composes it.
    target: Option<String>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        ports: &'a Ports<'a>,
        options: &'a RunOptions,
        on_act: &'a mut (dyn FnMut(&ActRecord, bool) + Send),
    ) -> Self {
        Self {
            ports,
            options,
            on_act,
            run: NarrativeRun::default(),
        }
    }

    /// Plays the run's own narrative.
    pub(super) async fn play(mut self, narrative: &Narrative) -> Result<NarrativeRun, RunError> {
        let iterations = narrative.iterations(self.options.iterations);
        let rounds = match self.options.round {
            Some(round) => round..=round,
            None => 1..=iterations,
        };
        let patient = narrative.continues_on_error();
        let place = Place {
            steps: String::new(),
            iteration: 1,
            iterations,
            target: None,
        };
        self.repeat(narrative, place, rounds, patient).await?;
        Ok(self.run)
    }

    /// Plays a narrative that another one is composed of; gives back its replies.
    fn compose<'s>(&'s mut self, narrative: &'s Narrative, mut place: Place) -> Playing<'s> {
        match narrative.carousel {
            Some(carousel) => {
                place.iterations = carousel.iterations;
                self.repeat(narrative, place, 1..=carousel.iterations, carousel.continue_on_error)
            }
            None => self.once(narrative, place),
        }
    }

    fn repeat<'s>(
        &'s mut self,
        narrative: &'s Narrative,
        place: Place,
        rounds: RangeInclusive<u32>,
        patient: bool,
    ) -> Playing<'s> {
        Box::pin(async move {
            let mut replies = Vec::new();
            let mut last_failure = None;
            for iteration in rounds {
                let steps = format!("{}{iteration}/", place.steps);
                let turn = Place {
                    steps,
                    iteration,
                    ..place.clone()
                };
                match self.once(narrative, turn).await {
                    Ok(reply) => replies.push(reply),
                    Err(error) if patient && error.is_of_one_repetition() => {
                        let reason = error.chain();
                        tracing::warn!(
                            "narrative.name" = narrative.name,
                            iteration,
                            error = reason,
                            "a repetition failed; going on with the next"
                        );
                        self.run.acts_failed += 1;
                        self.run.failures.push(reason);
                        last_failure = Some(error);
                    }
                    Err(error) => return Err(error),
                }
            }
            match last_failure {
                Some(error) if replies.is_empty() => {
                    // The last failure goes up, where it is counted if the run survives it.
                    self.run.acts_failed -= 1;
                    self.run.failures.pop();
                    Err(error)
                }
                _ => Ok(replies.join("\n\n")),
            }
        })
    }

    fn once<'s>(&'s mut self, narrative: &'s Narrative, place: Place) -> Playing<'s> {
        Box::pin(async move {
            let target = narrative
                .target
                .clone()
                .or(place.target)
                .filter(|_| narrative.stores_output);
            let mut frame = Frame {
                ports: self.ports,
                options: self.options,
                narrative,
                iteration: place.iteration,
                iterations: place.iterations,
                conversation: Vec::new(),
                replies: Vec::new(),
            };
            let mut last = None;
            for (index, act) in narrative.acts.iter().enumerate() {
                let step = format!("{}{}", place.steps, act.name);
                let played = match &act.work {
                    Work::Compose(child) => {
                        let inner = Place {
                            steps: format!("{step}/"),
                            iteration: place.iteration,
                            iterations: place.iterations,
                            target: target.clone(),
                        };
                        let text = self.compose(child, inner).await?;
                        frame.say(question_for(child), text.clone());
                        frame.replies.push(Reply {
                            act: act.name.clone(),
                            text,
                            json: None,
                        });
                        last = None;
                        continue;
                    }
                    Work::Ask(question) => frame.record(act, &step, ask(&frame, act, question, &step)).await,
                    Work::Fetch(tables) => frame.record(act, &step, fetch(&frame, act, tables)).await,
                };
                let (record, resumed) = played.map_err(|failure| RunError::Act {
                    narrative: narrative.name.clone(),
                    number: index + 1,
                    act: act.name.clone(),
                    failure,
                })?;
                self.count(&record, resumed);
                if let Some(prompt) = &record.prompt {
                    frame.say(prompt.clone(), record.reply.clone());
                }
                let (text, json) = (record.reply.clone(), record.json.clone());
                frame.replies.push(Reply {
                    act: act.name.clone(),
                    text,
                    json,
                });
                last = Some(record);
            }
            if let Some(record) = last {
                self.run.outputs.push(Output {
                    narrative: narrative.name.clone(),
                    iteration: place.iteration,
                    target,
                    text: record.reply,
                    json: record.json,
                    model: record.model,
                });
            }
            Ok(frame
                .replies
                .into_iter()
                .map(|reply| reply.text)
                .collect::<Vec<_>>()
                .join("\n\n"))
        })
    }

    fn count(&mut self, record: &ActRecord, resumed: bool) {
        if resumed {
            self.run.acts_resumed += 1;
        } else {
            self.run.acts_run += 1;
        }
        self.run.usage += record.usage;
        (self.on_act)(record, resumed);
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
