//! Other narrative files that a file plays narratives of.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use botticelli_toml_document::suggestion;
use toml::Spanned;

use super::{
    Diagnostic, Surroundings,
    narratives::{Built, Narratives},
    page::Page,
};
use crate::narrative::Needs;

/// How many files may refer to each other in a row.
const DEEPEST: usize = 8;

/// Reads the files that a file refers to, once each.
pub(super) struct Library<'a> {
    surroundings: &'a Surroundings<'a>,
    /// The files that are being read, outermost first.
    path: RefCell<Vec<String>>,
    read: RefCell<HashMap<String, Narratives>>,
    found: RefCell<Vec<Diagnostic>>,
    needs: RefCell<Needs>,
}

impl<'a> Library<'a> {
    pub(super) fn new(surroundings: &'a Surroundings<'a>) -> Self {
        Self {
            surroundings,
            path: RefCell::default(),
            read: RefCell::default(),
            found: RefCell::default(),
            needs: RefCell::default(),
        }
    }

    /// What was found in the files that were read, and what their acts need.
    pub(super) fn into_found(self) -> (Vec<Diagnostic>, Needs) {
        (self.found.into_inner(), self.needs.into_inner())
    }

    /// The narrative in the file that `place` calls `file`: its only one, or the one that is called as the file is, or `name`.
    pub(super) fn open(
        &self,
        page: &Page<'_>,
        place: &Spanned<String>,
        file: &str,
        name: Option<&str>,
    ) -> Option<Built> {
        if self.surroundings.files.is_none() {
            page.error(&place.span(), "file", "other files are not read here");
            return None;
        }
        let path = match file.strip_suffix(".toml") {
            Some(_) => file.to_owned(),
            None => format!("{file}.toml"),
        };
        if self.path.borrow().contains(&path) || *page.path == path {
            let circle = [self.path.borrow().as_slice(), &[path]].concat().join("` -> `");
            page.error(
                &place.span(),
                "circle",
                format!("narrative files refer to each other in a circle: `{circle}`"),
            );
            return None;
        }
        if self.path.borrow().len() == DEEPEST {
            let message = format!("narrative files refer to each other more than {DEEPEST} deep");
            page.error(&place.span(), "too-deep", message);
            return None;
        }
        let narratives = self.read(page, place, &path)?;
        let stem = path.rsplit('/').next().and_then(|file| file.strip_suffix(".toml"));
        let chosen = match narratives.as_slice() {
            [(_, only)] => Some(only),
            several => several
                .iter()
                .find(|(known, _)| Some(known.as_str()) == stem || Some(known.as_str()) == name)
                .map(|(_, narrative)| narrative),
        };
        if chosen.is_none() && !narratives.is_empty() {
            let wanted = name.or(stem).unwrap_or_default();
            let help = suggestion(wanted, narratives.iter().map(|(known, _)| known.as_str()));
            let message = format!("file `{path}` has several narratives and none is called `{wanted}`");
            page.refuse(&place.span(), "unknown-narrative", message, help);
        } else if narratives.is_empty() {
            page.error(
                &place.span(),
                "file",
                format!("file `{path}` has no narrative that can be played"),
            );
        }
        chosen.map(|narrative| Built {
            narrative: Arc::clone(narrative),
            depth: 1,
        })
    }

    /// The narratives of a file, which is read the first time.
    fn read(&self, page: &Page<'_>, place: &Spanned<String>, path: &str) -> Option<Narratives> {
        if let Some(known) = self.read.borrow().get(path) {
            return Some(known.clone());
        }
        let text = self.surroundings.files?.text(path);
        let text = text.map_err(|reason| page.error(&place.span(), "file", reason)).ok()?;
        self.path.borrow_mut().push(path.to_owned());
        let (narratives, (found, needs)) = super::check_text(path, &text, self.surroundings, self);
        self.path.borrow_mut().pop();
        self.found.borrow_mut().extend(found);
        self.needs.borrow_mut().extend(&needs);
        self.read.borrow_mut().insert(path.to_owned(), narratives.clone());
        Some(narratives)
    }
}
