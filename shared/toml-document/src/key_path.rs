//! Which key a byte range of a document belongs to.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The dotted path of the innermost key or value that covers `span`, as its parts; empty when none does.
///
/// Elements of arrays are parts of their own, written `[2]`, from 0.
pub(crate) fn key_path_at(root: &DeTable<'_>, span: &Range<usize>) -> Vec<String> {
    let mut search = Search {
        span,
        path: Vec::new(),
        best: None,
    };
    search.table(root);
    search.best.map(|(_, path)| path).unwrap_or_default()
}

/// Joins the parts of a path for people: `acts.draft.input[1]`.
pub(crate) fn dotted(parts: &[String]) -> String {
    parts.iter().fold(String::new(), |mut joined, part| {
        if !joined.is_empty() && !part.starts_with('[') {
            joined.push('.');
        }
        joined.push_str(part);
        joined
    })
}

struct Search<'a> {
    span: &'a Range<usize>,
    path: Vec<String>,
    best: Option<(usize, Vec<String>)>,
}

impl Search<'_> {
    fn table(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            self.path.push(key.get_ref().as_ref().to_owned());
            self.consider(&key.span());
            self.value(value);
            self.path.pop();
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>) {
        self.consider(&value.span());
        match value.get_ref() {
            DeValue::Table(table) => self.table(table),
            DeValue::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    self.path.push(format!("[{index}]"));
                    self.value(element);
                    self.path.pop();
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
    }

    fn consider(&mut self, place: &Range<usize>) {
        let covers = place.start <= self.span.start && self.span.end <= place.end;
        let nearer = self.best.as_ref().is_none_or(|(length, _)| place.len() <= *length);
        if covers && nearer {
            self.best = Some((place.len(), self.path.clone()));
        }
    }
}
