//! Acts, checked as far as they can be without knowing who plays them.

use std::ops::Range;

use toml::Spanned;

use super::{
    asking::Asking,
    inputs::{self, PreparedInput, PreparedSource},
    shelf::Shelf,
};
use crate::{
    document::{ActEntry, ActTable},
    narrative::is_name,
    template::RESERVED,
};

/// An act whose own parts are right.
#[derive(Debug)]
pub(super) struct PreparedAct<'a> {
    pub(super) name: &'a Spanned<String>,
    /// What is written beside its inputs.
    pub(super) table: Option<&'a ActTable>,
    pub(super) work: PreparedWork<'a>,
}

#[derive(Debug)]
pub(super) enum PreparedWork<'a> {
    /// It plays a narrative.
    Compose(Spanned<String>),
    /// It asks a model.
    Ask(Vec<PreparedInput<'a>>),
    /// It only brings its inputs.
    Gather(Vec<PreparedInput<'a>>),
}

/// Checks an act's own parts; `None` when nothing can be said of it.
pub(super) fn prepare<'a>(
    shelf: &'a Shelf<'a>,
    name: &'a Spanned<String>,
    entry: &'a Spanned<ActEntry>,
) -> Option<PreparedAct<'a>> {
    check_name(shelf, name);
    let (inputs, table, written) = match entry.get_ref() {
        ActEntry::Text(text) => {
            let input = inputs::bare(shelf, &Spanned::new(entry.span(), text.clone()));
            (input.into_iter().collect(), None, 1)
        }
        ActEntry::Inputs(entries) => (inputs::prepare(shelf, entries), None, entries.len()),
        ActEntry::Table(table) => {
            let mut inputs = inputs::prepare(shelf, &table.input);
            inputs.extend(table.prompt.as_ref().map(|prompt| PreparedInput {
                source: PreparedSource::Text(prompt.clone()),
                retention: crate::narrative::Retention::Full,
            }));
            let written = table.input.len() + usize::from(table.prompt.is_some());
            (inputs, Some(&**table), written)
        }
    };
    let work = work(shelf, name, inputs, table, written)?;
    Some(PreparedAct { name, table, work })
}

fn check_name(shelf: &Shelf<'_>, name: &Spanned<String>) {
    let page = shelf.page;
    if !is_name(name.get_ref()) {
        let message = format!("act `{name}` cannot be called so; use at most 63 letters, digits, `_` and `-`");
        page.error(&name.span(), "not-a-name", message);
    } else if RESERVED.contains(&name.get_ref().as_str()) {
        let message = format!(
            "act `{name}` cannot be called so; templates give `{}` a meaning",
            RESERVED.join("`, `")
        );
        page.error(&name.span(), "not-a-name", message);
    }
}

fn work<'a>(
    shelf: &Shelf<'_>,
    name: &Spanned<String>,
    mut inputs: Vec<PreparedInput<'a>>,
    table: Option<&'a ActTable>,
    written: usize,
) -> Option<PreparedWork<'a>> {
    let page = shelf.page;
    if let Some(narrative) = table.and_then(|table| table.narrative.as_ref()) {
        if let Some(input) = table.and_then(|table| table.input.first()) {
            let message = format!("act `{name}` plays narrative `{narrative}`, so it has no `input`; write it there");
            page.error(&input.span(), "foreign-key", message);
        }
        warn_of_settings(shelf, name, table, "plays a narrative, which has settings of its own");
        return Some(PreparedWork::Compose(narrative.clone()));
    }
    if written == 0 && page.has_left_out_of_act(name.get_ref()) {
        return None;
    }
    if written == 0 {
        let message = format!("act `{name}` has no input; write a text, `input` or `narrative`");
        page.error(&name.span(), "missing-key", message);
        return None;
    }
    if inputs.is_empty() {
        // What was written is wrong, and said to be.
        return None;
    }
    if let [
        PreparedInput {
            source: PreparedSource::Narrative(_),
            ..
        },
    ] = inputs.as_slice()
        && let Some(PreparedInput {
            source: PreparedSource::Narrative(reference),
            ..
        }) = inputs.pop()
    {
        warn_of_settings(shelf, name, table, "plays a narrative, which has settings of its own");
        return Some(PreparedWork::Compose(reference));
    }
    if inputs.iter().any(|input| input.source.is_text()) {
        return Some(PreparedWork::Ask(inputs));
    }
    warn_of_settings(shelf, name, table, "has no text, so no model is asked");
    Some(PreparedWork::Gather(inputs))
}

/// Warns of keys that only a model's answer gives a meaning to.
fn warn_of_settings(shelf: &Shelf<'_>, name: &Spanned<String>, table: Option<&ActTable>, reason: &str) {
    let Some(table) = table else { return };
    let of_answers: [(&str, Option<Range<usize>>); 3] = [
        ("schema", table.schema.as_ref().map(Spanned::span)),
        ("extract_output", table.extract_output.as_ref().map(Spanned::span)),
        (
            "examples",
            table
                .examples
                .as_ref()
                .and_then(|examples| Some(examples.first()?.user.span())),
        ),
    ];
    let asking = Asking::of_act(table);
    for (key, place) in of_answers
        .into_iter()
        .filter_map(|(key, place)| Some((key, place?)))
        .chain(asking.written())
    {
        let message = format!("act `{name}` {reason}: `{key}` means nothing");
        shelf.page.warn(&place, "no-effect", message, "leave it out");
    }
}
