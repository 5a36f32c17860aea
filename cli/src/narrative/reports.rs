//! What is said about a run: each act as it comes, and the whole for programs.

use std::{
    io::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
};

use botticelli_llm::Prices;
use botticelli_narrative::{ActRecord, Audience, Narrative, NarrativeRun, Output};
use serde_json::{Value, json};

use super::remarks::tame;

/// How acts are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Showing {
    /// Each when it has ended.
    Whole,
    /// Each word by word, to a terminal. Of acts that are played side by side one is shown at a time.
    Pieces,
    /// Not at all.
    Nothing,
}

/// Shows acts, and keeps their records.
pub(super) struct Reports<W> {
    showing: Showing,
    state: Mutex<State<W>>,
}

struct State<W> {
    out: W,
    /// The first failure to print.
    failed: Option<io::Error>,
    acts: Vec<(String, ActRecord)>,
    /// Acts that have begun and are not shown whole; the first is the one that is heard.
    waiting: Vec<Waiting>,
    /// Whether the beginning of the first is shown.
    is_speaking: bool,
}

struct Waiting {
    step: String,
    said: String,
    ended: Option<ActRecord>,
}

impl<W: Write> Reports<W> {
    pub(super) fn new(out: W, showing: Showing) -> Self {
        Self {
            showing,
            state: Mutex::new(State {
                out,
                failed: None,
                acts: Vec::new(),
                waiting: Vec::new(),
                is_speaking: false,
            }),
        }
    }

    /// The records of the acts with their steps, in the order in which they ended.
    ///
    /// # Errors
    ///
    /// The first failure to print one.
    pub(super) fn finish(self) -> io::Result<Vec<(String, ActRecord)>> {
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if state.is_speaking {
            // The run ended in the midst of an act.
            state.print("\n");
        }
        match state.failed {
            Some(error) => Err(error),
            None => Ok(state.acts),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write> State<W> {
    fn print(&mut self, text: &str) {
        let printed = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        if let Err(error) = printed {
            self.failed.get_or_insert(error);
        }
    }

    /// Shows what can be shown now: acts that have ended, up to the first that has not, and what that one has said.
    fn go_on(&mut self) {
        while let Some(first) = self.waiting.first() {
            if !self.is_speaking {
                let heading = format!("== {}\n{}", tame(&first.step), tame(&first.said));
                self.is_speaking = true;
                self.print(&heading);
            }
            let first = &self.waiting[0];
            let Some(record) = &first.ended else { return };
            let ending = ending(&first.said, record);
            self.print(&ending);
            self.waiting.remove(0);
            self.is_speaking = false;
        }
    }
}

/// What is shown of an act behind what was heard of it.
fn ending(said: &str, record: &ActRecord) -> String {
    let reply = tame(&record.reply);
    let reply = match said.trim() {
        "" => format!("{reply}\n"),
        heard if heard == record.reply.trim() => "\n".to_owned(),
        _ => format!("\n-- the reply that counts:\n{reply}\n"),
    };
    format!("{reply}-- {}\n\n", about(record))
}

/// The act and what it took.
fn about(record: &ActRecord) -> String {
    let ActRecord { narrative, act, .. } = record;
    match (&record.model, record.is_skipped) {
        (_, true) => format!("{narrative} / {act} (passed over)"),
        (Some(model), _) => format!("{narrative} / {act} ({model}, {} tokens)", record.usage.output_tokens),
        (None, _) => format!("{narrative} / {act} (no model, 0 tokens)"),
    }
}

impl<W: Write + Send> Audience for Reports<W> {
    fn begins(&self, step: &str, _: &str) {
        if self.showing == Showing::Pieces {
            let mut state = self.state();
            state.waiting.push(Waiting {
                step: step.to_owned(),
                said: String::new(),
                ended: None,
            });
            state.go_on();
        }
    }

    fn wants_pieces(&self) -> bool {
        self.showing == Showing::Pieces
    }

    fn said(&self, step: &str, piece: &str) {
        let mut state = self.state();
        let Some(index) = state.waiting.iter().position(|waiting| waiting.step == step) else {
            return;
        };
        state.waiting[index].said.push_str(piece);
        if index == 0 {
            state.print(&tame(piece));
        }
    }

    fn ended(&self, step: &str, record: &ActRecord, _: bool) {
        let mut state = self.state();
        state.acts.push((step.to_owned(), record.clone()));
        match self.showing {
            Showing::Nothing => {}
            Showing::Whole => state.print(&format!("== {}\n{}\n\n", about(record), record.reply)),
            Showing::Pieces => {
                let waiting = state.waiting.iter_mut().find(|waiting| waiting.step == step);
                match waiting {
                    Some(waiting) => waiting.ended = Some(record.clone()),
                    // An act that is passed over never begins.
                    None => state.waiting.push(Waiting {
                        step: step.to_owned(),
                        said: String::new(),
                        ended: Some(record.clone()),
                    }),
                }
                state.go_on();
            }
        }
    }
}

/// A run for programs: what it gave back, or why it gave nothing, and its acts in the order in which they ended.
pub(super) fn outcome(
    narrative: &Narrative,
    run: &Result<NarrativeRun, String>,
    acts: &[(String, ActRecord)],
    prices: &Prices,
) -> Value {
    let (run, error) = match run {
        Ok(run) => (run.clone(), None),
        Err(error) => (NarrativeRun::default(), Some(error)),
    };
    json!({
        "narrative": narrative.name(),
        "version": narrative.version(),
        "error": error,
        "outputs": run.outputs.iter().map(output).collect::<Vec<_>>(),
        "acts": acts.iter().map(|(step, record)| act(step, record, prices)).collect::<Vec<_>>(),
        "acts_run": run.acts_run,
        "acts_resumed": run.acts_resumed,
        "acts_skipped": run.acts_skipped,
        "acts_failed": run.acts_failed,
        "failures": run.failures,
        "usage": run.usage,
        "calls": run.calls,
    })
}

fn output(output: &Output) -> Value {
    json!({
        "narrative": output.narrative,
        "version": output.version,
        "act": output.act,
        "iteration": output.iteration,
        "target": output.target.as_ref().map(|target| &target.table),
        "template": output.target.as_ref().and_then(|target| target.template.as_ref()),
        "text": output.text,
        "json": output.json,
        "provider": output.provider,
        "model": output.model,
        "prompt_hash": output.prompt_hash,
    })
}

/// The record with its step, and what it cost where that is known.
fn act(step: &str, record: &ActRecord, prices: &Prices) -> Value {
    let mut act = json!({ "step": step });
    let cost = (record.provider.as_deref())
        .zip(record.model.as_deref())
        .and_then(|(provider, model)| prices.of(provider, model))
        .map(|price| price.cost_micros(&record.usage));
    if let (Value::Object(act), Ok(Value::Object(fields))) = (&mut act, serde_json::to_value(record)) {
        act.extend(fields);
        act.insert("cost_micro_usd".to_owned(), json!(cost));
    }
    act
}

#[cfg(test)]
mod tests {
    use botticelli_llm::Usage;

    use super::*;

    fn record(act: &str, reply: &str) -> ActRecord {
        ActRecord {
            narrative: "tip".to_owned(),
            act: act.to_owned(),
            reply: reply.to_owned(),
            model: Some("small".to_owned()),
            usage: Usage {
                output_tokens: 2,
                ..Usage::default()
            },
            ..ActRecord::default()
        }
    }

    fn shown(showing: Showing, play: impl Fn(&dyn Audience)) -> String {
        let mut out = Vec::new();
        let reports = Reports::new(&mut out, showing);
        play(&reports);
        assert!(reports.finish().is_ok());
        String::from_utf8(out).unwrap_or_default()
    }

    #[test]
    fn an_act_is_heard_word_by_word() {
        let text = shown(Showing::Pieces, |audience| {
            assert!(audience.wants_pieces());
            audience.begins("1/idea", "idea");
            audience.said("1/idea", "Drink ");
            audience.said("1/idea", "te\u{1b}a.");
            audience.ended("1/idea", &record("idea", "Drink te\u{1b}a."), false);
        });
        assert_eq!(
            text,
            "== 1/idea\nDrink te\u{fffd}a.\n-- tip / idea (small, 2 tokens)\n\n"
        );
    }

    #[test]
    fn of_acts_side_by_side_one_is_heard_at_a_time() {
        let text = shown(Showing::Pieces, |audience| {
            audience.begins("1/a", "a");
            audience.begins("1/b", "b");
            audience.said("1/b", "B1 ");
            audience.said("1/a", "A1 ");
            audience.begins("1/c", "c");
            audience.ended("1/c", &record("c", "C"), false);
            audience.said("1/a", "A2");
            audience.ended("1/a", &record("a", "A1 A2"), false);
            audience.said("1/b", "B2");
            audience.ended("1/b", &record("b", "B1 B2"), false);
        });
        assert_eq!(
            text,
            "== 1/a\nA1 A2\n-- tip / a (small, 2 tokens)\n\n\
             == 1/b\nB1 B2\n-- tip / b (small, 2 tokens)\n\n\
             == 1/c\nC\n-- tip / c (small, 2 tokens)\n\n"
        );
    }

    #[test]
    fn words_that_did_not_count_are_followed_by_those_that_do() {
        let text = shown(Showing::Pieces, |audience| {
            audience.begins("1/a", "a");
            audience.said("1/a", "Sure! {}");
            audience.ended("1/a", &record("a", "{}"), false);
            let skipped = ActRecord {
                is_skipped: true,
                ..record("b", "")
            };
            audience.ended("1/b", &skipped, false);
            audience.begins("1/c", "c");
            audience.said("1/c", "and th");
        });
        assert_eq!(
            text,
            "== 1/a\nSure! {}\n-- the reply that counts:\n{}\n-- tip / a (small, 2 tokens)\n\n\
             == 1/b\n\n-- tip / b (passed over)\n\n== 1/c\nand th\n"
        );
    }

    #[test]
    fn an_act_is_shown_whole_elsewhere_than_on_a_terminal() {
        let text = shown(Showing::Whole, |audience| {
            audience.begins("1/a", "a");
            audience.said("1/a", "A");
            audience.ended("1/a", &record("a", "A"), false);
        });
        assert_eq!(text, "== tip / a (small, 2 tokens)\nA\n\n");
    }
}
