//! The file that is being checked, and what has been found in it.

use std::{cell::RefCell, ops::Range, sync::Arc};

use botticelli_toml_document::{Location, TomlError};
use toml::Spanned;

use super::{Diagnostic, Place, Severity};
use crate::{narrative::Needs, template::SyntaxError};

/// A file that is being checked.
pub(super) struct Page<'a> {
    pub(super) path: Arc<str>,
    pub(super) text: &'a str,
    /// Where its lines begin.
    lines: Vec<usize>,
    found: RefCell<Vec<Diagnostic>>,
    /// What its acts need, those with mistakes included.
    pub(super) needs: RefCell<Needs>,
    /// Dotted paths of entries that are wrong and have been left out.
    left_out: Vec<String>,
}

impl<'a> Page<'a> {
    pub(super) fn new(path: &str, text: &'a str, mistakes: Vec<TomlError>) -> Self {
        let breaks = text.match_indices('\n').map(|(index, _)| index + 1);
        let page = Self {
            path: Arc::from(path),
            text,
            lines: std::iter::once(0).chain(breaks).collect(),
            found: RefCell::default(),
            needs: RefCell::default(),
            left_out: mistakes.iter().map(TomlError::key).collect(),
        };
        for mistake in mistakes {
            page.found.borrow_mut().push(page.mistake(&mistake));
        }
        page
    }

    /// Whether the entry at this dotted path is wrong, so that nothing may be said of its absence.
    pub(super) fn has_left_out(&self, path: &str) -> bool {
        self.left_out.iter().any(|gone| {
            gone.strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// The same of anything in an act of this name, of a narrative or shared.
    pub(super) fn has_left_out_of_act(&self, act: &str) -> bool {
        let path = format!("acts.{act}");
        let ends = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[']);
        self.left_out.iter().any(|gone| {
            gone.match_indices(&path)
                .any(|(at, _)| (at == 0 || gone[..at].ends_with('.')) && ends(&gone[at + path.len()..]))
        })
    }

    /// The same of any part of any act.
    pub(super) fn has_left_out_of_acts(&self) -> bool {
        self.has_left_out("acts") || self.left_out.iter().any(|gone| gone.contains(".acts."))
    }

    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        let start = self.text.floor_char_boundary(span.start);
        let line = self.lines.partition_point(|begin| *begin <= start);
        let begin = self.lines.get(line.wrapping_sub(1)).copied().unwrap_or(0);
        Place {
            path: Arc::clone(&self.path),
            span: start..self.text.ceil_char_boundary(span.end),
            line,
            column: self.text[begin..start].chars().count() + 1,
        }
    }

    pub(super) fn error(&self, span: &Range<usize>, code: &'static str, message: impl Into<String>) {
        self.say(span, Severity::Error, code, message.into(), None);
    }

    /// An error with its way out.
    pub(super) fn refuse(
        &self,
        span: &Range<usize>,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.say(span, Severity::Error, code, message.into(), Some(help.into()));
    }

    pub(super) fn warn(
        &self,
        span: &Range<usize>,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.say(span, Severity::Warning, code, message.into(), Some(help.into()));
    }

    pub(super) fn note(&self, span: &Range<usize>, code: &'static str, message: impl Into<String>) {
        self.say(span, Severity::Note, code, message.into(), None);
    }

    /// What is wrong with a template that stands at `value`.
    ///
    /// A value that is written with escapes differs from its source; its start must do then.
    pub(super) fn template_errors(&self, value: &Spanned<String>, errors: Vec<SyntaxError>) {
        for error in errors {
            self.error(&self.inside(value, &error.range), "template", error.detail);
        }
    }

    /// Where a part of a text value stands.
    pub(super) fn inside(&self, value: &Spanned<String>, part: &Range<usize>) -> Range<usize> {
        let span = value.span();
        let written = self
            .text
            .get(span.clone())
            .and_then(|source| source.find(value.get_ref().as_str()));
        match written {
            Some(inside) => span.start + inside + part.start..span.start + inside + part.end,
            None => span,
        }
    }

    fn say(&self, span: &Range<usize>, severity: Severity, code: &'static str, message: String, help: Option<String>) {
        let diagnostic = Diagnostic {
            place: self.place(span),
            severity,
            code,
            message,
            help,
        };
        let mut found = self.found.borrow_mut();
        // Acts that several narratives share are looked at for each of them.
        if !found.contains(&diagnostic) {
            found.push(diagnostic);
        }
    }

    fn mistake(&self, mistake: &TomlError) -> Diagnostic {
        let Location { line, column, .. } = *mistake.location();
        let begin = self.lines.get(line - 1).copied().unwrap_or(0);
        let rest = &self.text[begin..];
        let start = begin
            + rest
                .char_indices()
                .nth(column - 1)
                .map_or(rest.len(), |(index, _)| index);
        let length = self.text[start..]
            .find(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .unwrap_or(0);
        let (code, message, help) = match mistake {
            TomlError::UnknownKey { key, table, .. } => match super::advice::advice(table, key) {
                Some(advice) => (
                    "unknown-key",
                    format!("key `{key}` is not accepted"),
                    Some(advice.to_owned()),
                ),
                None => ("unknown-key", mistake.detail(), None),
            },
            TomlError::MissingKey { .. } => ("missing-key", mistake.detail(), None),
            TomlError::Value { key, .. } => match super::advice::advice_on_list(key) {
                Some(advice) => {
                    let name = key.split('[').next().unwrap_or_default();
                    let message = format!("`{name}` is a list here, and must be a table");
                    ("wrong-value", message, Some(advice.to_owned()))
                }
                None => ("wrong-value", mistake.detail(), None),
            },
            _ => ("syntax", mistake.detail(), None),
        };
        Diagnostic {
            place: self.place(&(start..start + length.max(1))),
            severity: Severity::Error,
            code,
            message,
            help,
        }
    }

    /// Everything that was found, in the order of the file, and what its acts need.
    pub(super) fn into_found(self) -> (Vec<Diagnostic>, Needs) {
        let mut found = self.found.into_inner();
        found.sort_by_key(|diagnostic| (diagnostic.place.span.start, diagnostic.severity));
        (found, self.needs.into_inner())
    }
}
