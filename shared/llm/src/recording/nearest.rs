//! What a request that is not in a recording was probably meant to be.

use std::collections::HashMap;

use super::line::{Asked, Line, Said, Shown};
use crate::expectation::excerpt;

/// Letters of a text around the place where two differ.
const AROUND: usize = 60;

/// The line whose request is most like `asked`, counted by the words that they share; `None` when none shares a word.
pub(super) fn nearest<'l>(asked: &Asked, lines: impl Iterator<Item = (usize, &'l Line)>) -> Option<(usize, &'l Line)> {
    let wanted = words(asked);
    let alike = lines.filter_map(|(number, line)| {
        let likeness = likeness(&wanted, &words(&line.request));
        (likeness > 0.0).then_some((likeness, number, line))
    });
    // Of equally near ones the first: `max_by` would take the last.
    let best = alike.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, number, line)| (number, line))
}

/// In what `asked` differs from `recorded`, in words.
pub(super) fn difference(asked: &Asked, recorded: &Asked) -> String {
    let mut parts = Vec::new();
    if asked.system != recorded.system {
        let text = |asked: &Asked| asked.system.clone().unwrap_or_default();
        parts.push(format!(
            "the system prompt {}",
            where_apart(&text(asked), &text(recorded))
        ));
    }
    let differing = asked
        .messages
        .iter()
        .zip(&recorded.messages)
        .position(|(one, other)| one != other);
    match differing {
        Some(index) => {
            let (one, other) = (text_of(&asked.messages[index]), text_of(&recorded.messages[index]));
            parts.push(format!("message {} {}", index + 1, where_apart(&one, &other)));
        }
        None if asked.messages.len() != recorded.messages.len() => parts.push(format!(
            "it has {} messages, and has {} now",
            recorded.messages.len(),
            asked.messages.len()
        )),
        None => {}
    }
    if asked.schema != recorded.schema {
        parts.push("the schema is another one".to_owned());
    }
    let settings = [
        ("max_tokens", shown(asked.max_tokens), shown(recorded.max_tokens)),
        ("temperature", shown(asked.temperature), shown(recorded.temperature)),
        ("top_p", shown(asked.top_p), shown(recorded.top_p)),
        ("stop", asked.stop.join("`, `"), recorded.stop.join("`, `")),
        ("seed", shown(asked.seed), shown(recorded.seed)),
    ];
    let changed = settings.into_iter().filter(|(_, now, then)| now != then);
    parts.extend(changed.map(|(name, now, then)| format!("`{name}` is `{then}`, and is `{now}` now")));
    parts.join("; ")
}

fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// The words with how often they occur.
fn words(asked: &Asked) -> HashMap<String, usize> {
    let mut words = HashMap::new();
    let texts = asked.messages.iter().map(text_of).chain(asked.system.clone());
    for text in texts {
        for word in text.split_whitespace() {
            *words.entry(word.to_owned()).or_default() += 1;
        }
    }
    words
}

/// The share of words that two have in common, 0 to 1 (Sørensen and Dice).
#[expect(clippy::cast_precision_loss, reason = "a request has fewer words than 2 to the 52")]
fn likeness(one: &HashMap<String, usize>, other: &HashMap<String, usize>) -> f64 {
    let shared: usize = one
        .iter()
        .filter_map(|(word, count)| other.get(word).map(|others| count.min(others)))
        .sum();
    let all: usize = one.values().chain(other.values()).sum();
    if all == 0 {
        0.0
    } else {
        2.0 * shared as f64 / all as f64
    }
}

fn text_of(said: &Said) -> String {
    let parts = said.parts.iter().map(|part| match part {
        Shown::Text(text) => text.clone(),
        Shown::Media { kind, mime, sha256, .. } => format!("[{kind} {mime} {sha256}]"),
    });
    parts.collect::<Vec<_>>().join("\n\n")
}

/// What stands in both texts where they part.
fn where_apart(now: &str, then: &str) -> String {
    let same = now.chars().zip(then.chars()).take_while(|(one, other)| one == other);
    let begin = same.map(|_| 1_usize).sum::<usize>().saturating_sub(AROUND / 3);
    let part = |text: &str| excerpt(&text.chars().skip(begin).take(AROUND).collect::<String>());
    format!("has `{}`, and has `{}` now", part(then), part(now))
}
