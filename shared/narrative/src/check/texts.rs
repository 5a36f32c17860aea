//! Texts and conditions, read where the names in them are known.

use toml::Spanned;

use super::page::Page;
use crate::template::{Expression, Known, Template};

/// The template that is written here.
pub(super) fn template(page: &Page<'_>, known: &Known<'_>, written: &Spanned<String>) -> Option<Template> {
    let read = known.template(written.get_ref());
    notes(page, known, written);
    read.map_err(|errors| page.template_errors(written, errors)).ok()
}

/// The filter that is written here.
pub(super) fn filter(page: &Page<'_>, known: &Known<'_>, written: &Spanned<String>) -> Option<Template> {
    let read = known.filter(written.get_ref());
    notes(page, known, written);
    read.map_err(|errors| page.template_errors(written, errors)).ok()
}

/// The condition that is written here.
pub(super) fn expression(page: &Page<'_>, known: &Known<'_>, written: &Spanned<String>) -> Option<Expression> {
    let read = known.expression(written.get_ref());
    notes(page, known, written);
    read.map_err(|errors| page.template_errors(written, errors)).ok()
}

/// The prompt that is written here, which must say something.
pub(super) fn prompt(page: &Page<'_>, known: &Known<'_>, written: &Spanned<String>) -> Option<Template> {
    if written.get_ref().trim().is_empty() {
        page.error(
            &written.span(),
            "blank",
            "the text is blank; write a prompt or leave it out",
        );
        return None;
    }
    template(page, known, written)
}

fn notes(page: &Page<'_>, known: &Known<'_>, written: &Spanned<String>) {
    for (range, note) in known.notes.borrow_mut().drain(..) {
        page.note(&page.inside(written, &range), "name", note);
    }
}
