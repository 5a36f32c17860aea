//! All mistakes of a document.

use serde::{Deserialize, de::DeserializeOwned};
use toml::{
    Deserializer, Spanned, Table,
    de::{DeTable, DeValue},
};

use crate::{TomlError, refusal::Mistake};

/// What [`mistakes`] found out about a document.
#[derive(Debug)]
pub struct Reading<R = Table> {
    /// Every mistake, in the order of the document.
    pub mistakes: Vec<TomlError>,
    /// The document without the entries that are wrong; `None` when nothing can be said of the rest.
    pub rest: Option<R>,
}

/// Reads `text`, which came from `path`, as a `T`, and goes on behind each mistake: a wrong entry is left out, and a table
/// that lacks a key is left out as a whole. Of text that is not TOML the first mistake is all there is to say.
///
/// As [`read`](crate::read()) otherwise; `rest` can be read as a `T`.
pub fn mistakes<T: DeserializeOwned>(path: &str, text: &str) -> Reading {
    sift::<T>(path, text).and_then(|(_, root)| Table::deserialize(Deserializer::from(root)).ok())
}

/// As [`mistakes`], with the rest as a `T` whose places are those of `text`.
pub fn read_all<T: DeserializeOwned>(path: &str, text: &str) -> Reading<T> {
    sift::<T>(path, text).and_then(|(rest, _)| Some(rest))
}

impl<R> Reading<R> {
    fn and_then<S>(self, make: impl FnOnce(R) -> Option<S>) -> Reading<S> {
        Reading {
            mistakes: self.mistakes,
            rest: self.rest.and_then(make),
        }
    }
}

fn sift<'t, T: DeserializeOwned>(path: &str, text: &'t str) -> Reading<(T, Spanned<DeTable<'t>>)> {
    let mut root = match DeTable::parse(text) {
        Ok(root) => root,
        Err(error) => {
            return Reading {
                mistakes: vec![TomlError::explain(path, text, &error).error],
                rest: None,
            };
        }
    };
    let (mut found, mut left_out) = (Vec::new(), Vec::<Vec<String>>::new());
    let rest = loop {
        let error = match T::deserialize(Deserializer::from(root.clone())) {
            Ok(rest) => break Some((rest, root)),
            Err(error) => error,
        };
        let Mistake { error, entry } = TomlError::explain(path, text, &error);
        let follows = matches!(&error, TomlError::MissingKey { key, .. }
            if left_out.iter().any(|gone| gone.split_last() == Some((key, entry.as_slice()))));
        if !follows {
            found.push(error);
        }
        if !remove(&mut root, &entry) {
            break None;
        }
        left_out.push(entry);
    };
    found.sort_by_key(|mistake| (mistake.location().line, mistake.location().column));
    Reading { mistakes: found, rest }
}

/// Takes the entry at `path` out, or the array that it is an element of.
fn remove(table: &mut Spanned<DeTable<'_>>, path: &[String]) -> bool {
    remove_from(table.get_mut(), path)
}

fn remove_from(table: &mut DeTable<'_>, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    if let (Some(DeValue::Table(inner)), [next, ..]) = (table.get_mut(first.as_str()).map(Spanned::get_mut), rest)
        && !next.starts_with('[')
    {
        return remove_from(inner, rest);
    }
    table.remove(first.as_str()).is_some()
}
