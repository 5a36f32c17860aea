//! `botticelli narrative diff`.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write as _,
    io::{IsTerminal, Write, stdout},
    path::PathBuf,
};

use anyhow::Result;
use botticelli_lifecycle::Ending;
use botticelli_narrative::{Act, Narrative, NarrativeFile};
use clap::Args;
use serde_json::{Value, json, to_string_pretty};
use similar::{ChangeTag, TextDiff};

use super::{Reach, remarks::tame};
use crate::AlreadySaid;

/// Lines around a changed one.
const AROUND: usize = 2;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The narrative file as it was
    old: PathBuf,
    /// The narrative file as it is
    new: PathBuf,
    /// Print the differences as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Something that there is before, after, or both.
struct Pair<'n, T> {
    name: &'n str,
    old: Option<&'n T>,
    new: Option<&'n T>,
}

/// What differs of a narrative.
struct NarrativeChange<'n> {
    pair: Pair<'n, Narrative>,
    /// The order of acts, where it has changed.
    order: Option<KeyChange>,
    acts: Vec<ActChange<'n>>,
    /// What no model sees.
    besides: Vec<KeyChange>,
}

/// What differs of an act.
struct ActChange<'n> {
    pair: Pair<'n, Act>,
    seen: Vec<KeyChange>,
    /// What no model sees.
    besides: Vec<KeyChange>,
}

/// A key whose text differs; what stands several times is one text.
struct KeyChange {
    key: &'static str,
    old: Option<String>,
    new: Option<String>,
}

pub(super) fn run(arguments: &Arguments, environment: &HashMap<String, String>) -> Result<Ending> {
    let surround = arguments.reach.look(environment)?;
    let (old, new) = (surround.open(&arguments.old)?, surround.open(&arguments.new)?);
    let (old, new) = (every_narrative(&old), every_narrative(&new));
    let changes: Vec<NarrativeChange<'_>> = pairs(&old, &new, Narrative::name)
        .into_iter()
        .map(NarrativeChange::of)
        .collect();
    let is_same = changes.iter().all(NarrativeChange::is_same_to_models);
    if arguments.json {
        let narratives: Vec<Value> = changes.iter().map(NarrativeChange::json).collect();
        let all = json!({ "same_to_models": is_same, "narratives": narratives });
        writeln!(stdout(), "{}", to_string_pretty(&all)?)?;
    } else {
        let is_colored = stdout().is_terminal() && environment.get("NO_COLOR").is_none_or(String::is_empty);
        let mut text = String::new();
        for change in &changes {
            change.write(&mut text, is_colored);
        }
        let end = if is_same {
            "models see no difference"
        } else {
            "models see a difference"
        };
        writeln!(stdout(), "{text}{end}")?;
    }
    if is_same {
        return Ok(Ending::Clean);
    }
    Err(AlreadySaid.into())
}

/// The narratives of a file and those of other files that they play, each name once.
fn every_narrative(file: &NarrativeFile) -> Vec<&Narrative> {
    let mut seen = BTreeSet::new();
    let all = file
        .narratives()
        .chain(file.narratives().flat_map(Narrative::with_composed));
    all.filter(|narrative| seen.insert(narrative.name())).collect()
}

/// Both sides by their names: in the order of the new one, and what is gone behind it.
fn pairs<'n, T>(old: &[&'n T], new: &[&'n T], name: impl Fn(&'n T) -> &'n str) -> Vec<Pair<'n, T>> {
    let find = |side: &[&'n T], wanted: &str| side.iter().copied().find(|one| name(one) == wanted);
    let kept = new.iter().map(|one| Pair {
        name: name(one),
        old: find(old, name(one)),
        new: Some(*one),
    });
    let gone = old.iter().filter(|one| find(new, name(one)).is_none());
    let gone = gone.map(|one| Pair {
        name: name(one),
        old: Some(*one),
        new: None,
    });
    kept.chain(gone).collect()
}

impl<T> Pair<'_, T> {
    fn word(&self, is_changed: bool) -> &'static str {
        match (self.old, self.new, is_changed) {
            (None, _, _) => "added",
            (_, None, _) => "removed",
            (_, _, true) => "changed",
            (_, _, false) => "same",
        }
    }
}

impl<'n> NarrativeChange<'n> {
    fn of(pair: Pair<'n, Narrative>) -> Self {
        let acts = |narrative: Option<&'n Narrative>| -> Vec<&'n Act> {
            narrative
                .map(|narrative| narrative.acts().iter().collect())
                .unwrap_or_default()
        };
        let (old, new) = (pair.old, pair.new);
        let order = old.zip(new).and_then(|(old, new)| {
            let (old, new) = (order(old), order(new));
            (old != new).then_some(KeyChange {
                key: "toc",
                old: Some(old),
                new: Some(new),
            })
        });
        Self {
            order,
            acts: pairs(&acts(old), &acts(new), Act::name)
                .into_iter()
                .map(ActChange::of)
                .collect(),
            besides: key_changes(
                &old.map(Narrative::described_besides).unwrap_or_default(),
                &new.map(Narrative::described_besides).unwrap_or_default(),
            ),
            pair,
        }
    }

    /// A version is a hash of all that models see.
    fn is_same_to_models(&self) -> bool {
        matches!((self.pair.old, self.pair.new), (Some(old), Some(new)) if old.version() == new.version())
    }

    fn is_same(&self) -> bool {
        self.is_same_to_models() && self.besides.is_empty() && self.acts.iter().all(|act| act.besides.is_empty())
    }

    fn write(&self, text: &mut String, is_colored: bool) {
        if self.is_same() {
            return;
        }
        let (old, new) = (
            self.pair.old.map(Narrative::version),
            self.pair.new.map(Narrative::version),
        );
        let word = if self.is_same_to_models() {
            "changed, and no model sees it"
        } else {
            self.pair.word(true)
        };
        let _ = writeln!(text, "narrative `{}` {word}{}", self.pair.name, versions(old, new));
        if let Some(order) = &self.order {
            order.write(text, is_colored);
        }
        write_besides(text, &self.besides, is_colored);
        for act in &self.acts {
            act.write(text, is_colored);
        }
        text.push('\n');
    }

    fn json(&self) -> Value {
        let Pair { name, old, new } = self.pair;
        let order = self.order.iter().map(|change| change.json(true));
        let besides = self.besides.iter().map(|change| change.json(false));
        json!({
            "narrative": name,
            "change": self.pair.word(!self.is_same_to_models()),
            "old_version": old.map(Narrative::version),
            "new_version": new.map(Narrative::version),
            "keys": order.chain(besides).collect::<Vec<_>>(),
            "acts": self.acts.iter().map(ActChange::json).collect::<Vec<_>>(),
        })
    }
}

/// The acts as they are played: one after the other, in brackets side by side.
fn order(narrative: &Narrative) -> String {
    let mut stages: Vec<(String, Vec<&str>)> = Vec::new();
    let mut act = "";
    for (key, text) in narrative.described() {
        if key == "stage" {
            match stages.last_mut() {
                Some((stage, acts)) if *stage == text => acts.push(act),
                _ => stages.push((text, vec![act])),
            }
        } else if key == "act" {
            act = narrative
                .acts()
                .iter()
                .map(Act::name)
                .find(|name| *name == text)
                .unwrap_or_default();
        }
    }
    let stages = stages.into_iter().map(|(_, acts)| match acts.as_slice() {
        [only] => (*only).to_owned(),
        acts => format!("[{}]", acts.join(", ")),
    });
    stages.collect::<Vec<_>>().join(", ")
}

impl<'n> ActChange<'n> {
    fn of(pair: Pair<'n, Act>) -> Self {
        let described = |act: Option<&Act>| act.map(Act::described).unwrap_or_default();
        let besides = |act: Option<&Act>| act.map(Act::described_besides).unwrap_or_default();
        let mut seen = key_changes(&described(pair.old), &described(pair.new));
        let is_same = matches!((pair.old, pair.new), (Some(old), Some(new)) if old.version() == new.version());
        if !is_same && seen.is_empty() {
            let keys = |act: Option<&Act>| {
                let described = described(act);
                described.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(", ")
            };
            seen.push(KeyChange {
                key: "order of inputs",
                old: Some(keys(pair.old)),
                new: Some(keys(pair.new)),
            });
        }
        Self {
            besides: key_changes(&besides(pair.old), &besides(pair.new)),
            seen: if is_same { Vec::new() } else { seen },
            pair,
        }
    }

    fn write(&self, text: &mut String, is_colored: bool) {
        if self.seen.is_empty() && self.besides.is_empty() {
            return;
        }
        let (old, new) = (self.pair.old.map(Act::version), self.pair.new.map(Act::version));
        let word = match self.pair.word(!self.seen.is_empty()) {
            "same" => "changed, and no model sees it",
            word => word,
        };
        let _ = writeln!(text, "  act `{}` {word}{}", self.pair.name, versions(old, new));
        for change in &self.seen {
            change.write(text, is_colored);
        }
        if self.pair.old.is_some() && self.pair.new.is_some() {
            write_besides(text, &self.besides, is_colored);
        }
    }

    fn json(&self) -> Value {
        let Pair { name, old, new } = self.pair;
        let seen = self.seen.iter().map(|change| change.json(true));
        let besides = self.besides.iter().map(|change| change.json(false));
        json!({
            "act": name,
            "change": self.pair.word(!self.seen.is_empty()),
            "old_version": old.map(Act::version),
            "new_version": new.map(Act::version),
            "keys": seen.chain(besides).collect::<Vec<_>>(),
        })
    }
}

fn versions(old: Option<&str>, new: Option<&str>) -> String {
    match (old, new) {
        (Some(old), Some(new)) if old != new => format!(" ({old} → {new})"),
        (Some(one), _) | (None, Some(one)) => format!(" ({one})"),
        (None, None) => String::new(),
    }
}

/// The keys whose texts differ, in the order in which they first stand.
fn key_changes(old: &[(&'static str, String)], new: &[(&'static str, String)]) -> Vec<KeyChange> {
    let mut keys: Vec<&'static str> = Vec::new();
    for (key, _) in new.iter().chain(old) {
        if !keys.contains(key) {
            keys.push(key);
        }
    }
    let all = |side: &[(&'static str, String)], wanted: &str| {
        let texts: Vec<&str> = side
            .iter()
            .filter(|(key, _)| *key == wanted)
            .map(|(_, text)| text.as_str())
            .collect();
        (!texts.is_empty()).then(|| texts.join("\n\n"))
    };
    let changes = keys.into_iter().map(|key| KeyChange {
        key,
        old: all(old, key),
        new: all(new, key),
    });
    changes.filter(|change| change.old != change.new).collect()
}

fn write_besides(text: &mut String, besides: &[KeyChange], is_colored: bool) {
    for change in besides {
        text.push_str("    (no model sees)");
        change.write(text, is_colored);
    }
}

impl KeyChange {
    fn write(&self, text: &mut String, is_colored: bool) {
        let paint = |line: &str, code: &str| {
            if is_colored {
                format!("\u{1b}[{code}m{line}\u{1b}[0m")
            } else {
                line.to_owned()
            }
        };
        let is_long = |side: &Option<String>| side.as_ref().is_some_and(|text| text.contains('\n') || text.len() > 60);
        if !is_long(&self.old) && !is_long(&self.new) {
            let shown = |side: &Option<String>| side.as_deref().map_or_else(|| "none".to_owned(), tame);
            let (old, new) = (paint(&shown(&self.old), "31"), paint(&shown(&self.new), "32"));
            let _ = writeln!(text, "    {}: {old} → {new}", self.key);
            return;
        }
        let _ = writeln!(text, "    {}:", self.key);
        let (old, new) = (
            self.old.as_deref().unwrap_or_default(),
            self.new.as_deref().unwrap_or_default(),
        );
        let diff = TextDiff::from_lines(old, new);
        for (number, group) in diff.grouped_ops(AROUND).iter().enumerate() {
            if number > 0 {
                text.push_str("      …\n");
            }
            for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
                let line = tame(change.value().trim_end_matches('\n'));
                let line = match change.tag() {
                    ChangeTag::Delete => paint(&format!("- {line}"), "31"),
                    ChangeTag::Insert => paint(&format!("+ {line}"), "32"),
                    ChangeTag::Equal => format!("  {line}"),
                };
                let _ = writeln!(text, "      {}", line.trim_end());
            }
        }
    }

    fn json(&self, is_seen: bool) -> Value {
        json!({ "key": self.key, "old": self.old, "new": self.new, "models_see_it": is_seen })
    }
}
