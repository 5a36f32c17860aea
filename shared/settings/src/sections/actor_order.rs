//! The chain that `after` builds: every link exists and none leads back.

use std::collections::{BTreeMap, BTreeSet};

use botticelli_toml_document::nearest;

use super::actor::ActorSection;
use crate::problem::Report;

/// Adds to `report` every `after` that names no actor, an actor twice, or leads back to its own actor.
pub(super) fn check(actors: &BTreeMap<String, ActorSection>, report: &mut Report<'_>) {
    for (name, section) in actors {
        let key = ["actors", name, "after"];
        let mut named = BTreeSet::new();
        for other in &section.after {
            if !actors.contains_key(other) {
                report.add(&key, unknown(other, actors));
            } else if !named.insert(other) {
                report.add(&key, format!("`{other}` is named twice"));
            }
        }
    }
    let mut reported = BTreeSet::new();
    for name in actors.keys() {
        if let Some(circle) = circle_through(actors, name) {
            // One circle is one problem, told at its first actor.
            if circle.iter().all(|member| reported.insert(*member)) {
                let way = circle.iter().chain(circle.first()).map(|name| format!("`{name}`"));
                let way = way.collect::<Vec<_>>().join(" after ");
                report.add(
                    &["actors", name, "after"],
                    format!("{way} would never stop; remove one of them"),
                );
            }
        }
    }
}

fn unknown(name: &str, actors: &BTreeMap<String, ActorSection>) -> String {
    match nearest(name, actors.keys().map(String::as_str)) {
        Some(near) => format!("no actor is called `{name}`; did you mean `{near}`?"),
        None => format!("no actor is called `{name}`"),
    }
}

/// The shortest way from `start` along `after` back to it.
fn circle_through<'a>(actors: &'a BTreeMap<String, ActorSection>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let last = way.last().and_then(|last| actors.get(*last));
            for next in last.map(|section| section.after.as_slice()).unwrap_or_default() {
                if next == start {
                    return Some(way);
                }
                if seen.insert(next.as_str()) {
                    let mut way = way.clone();
                    way.push(next);
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}
