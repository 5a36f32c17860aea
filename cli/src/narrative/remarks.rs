//! Remarks about narrative files, for people and for programs.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    ops::Range,
    sync::Arc,
};

use ariadne::{Config, IndexType, Label, Report, ReportKind, Source};
use botticelli_narrative::{Diagnostic, Severity};
use serde_json::{Value, json};

/// Something to be said about a file.
pub(super) struct Remark {
    /// The file, as somebody who stands here would open it.
    pub(super) file: String,
    /// Its text; `None` when there is none to be shown.
    pub(super) text: Option<Arc<str>>,
    pub(super) diagnostic: Diagnostic,
}

/// How many remarks of each kind there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) errors: usize,
    pub(super) warnings: usize,
    pub(super) notes: usize,
}

impl Count {
    pub(super) fn of(remarks: &[Remark]) -> Self {
        let count = |severity| {
            let alike = remarks.iter().filter(|remark| remark.diagnostic.severity == severity);
            alike.count()
        };
        Self {
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            notes: count(Severity::Note),
        }
    }

    /// The count in words: `2 errors, 1 warning`, and `no remarks` for none.
    pub(super) fn in_words(self) -> String {
        let counted = [(self.errors, "error"), (self.warnings, "warning"), (self.notes, "note")];
        let some = counted.into_iter().filter(|(number, _)| *number > 0);
        let words: Vec<String> = some.map(|(number, noun)| plural(number, noun)).collect();
        if words.is_empty() {
            "no remarks".to_owned()
        } else {
            words.join(", ")
        }
    }
}

/// `1 file`, `2 files`.
pub(super) fn plural(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// Writes each remark with its line of the file.
pub(super) fn write(remarks: &[Remark], out: &mut impl Write, is_colored: bool) -> io::Result<()> {
    let mut sources: BTreeMap<&str, Source<String>> = BTreeMap::new();
    for remark in remarks {
        let Diagnostic {
            place,
            severity,
            code,
            message,
            help,
        } = &remark.diagnostic;
        let (file, message) = (tame(&remark.file), tame(message));
        let Some(text) = &remark.text else {
            writeln!(out, "{}[{code}]: {message}", severity.as_str())?;
            continue;
        };
        let span = (file.as_str(), of_letters(text, &place.span));
        let kind = match severity {
            Severity::Error => ReportKind::Error,
            Severity::Warning => ReportKind::Warning,
            Severity::Note => ReportKind::Advice,
        };
        // By letters: the crate may cut one in two where it counts bytes.
        let config = Config::default()
            .with_color(is_colored)
            .with_index_type(IndexType::Char);
        let label = help.as_deref().map_or_else(|| "here".to_owned(), tame);
        let report = Report::build(kind, span.clone())
            .with_config(config)
            .with_code(code)
            .with_message(message)
            .with_label(Label::new(span).with_message(label));
        let source = sources.entry(&remark.file).or_insert_with(|| Source::from(tame(text)));
        report.finish().write((file.as_str(), &*source), &mut *out)?;
    }
    Ok(())
}

/// The remarks as programs read them.
pub(super) fn json(remarks: &[Remark]) -> Value {
    let remarks = remarks.iter().map(|remark| {
        let diagnostic = &remark.diagnostic;
        json!({
            "file": remark.file,
            "line": diagnostic.place.line,
            "column": diagnostic.place.column,
            "severity": diagnostic.severity,
            "code": diagnostic.code,
            "message": diagnostic.message,
            "help": diagnostic.help,
        })
    });
    remarks.collect()
}

/// The first line of a part of `text`, counted in letters; at least one letter long, where the text has one there.
fn of_letters(text: &str, bytes: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(bytes.start);
    let end = text.ceil_char_boundary(bytes.end).max(start);
    let shown = text[start..end].lines().next().unwrap_or_default();
    let before = text[..start].chars().count();
    let all = before + text[start..].chars().count();
    before..(before + shown.trim_end().chars().count().max(1)).min(all)
}

/// The same letters without those that would steer a terminal.
pub(super) fn tame(text: &str) -> String {
    let tamed = text.chars().map(|letter| match letter {
        '\n' | '\t' | '\r' => letter,
        letter if letter.is_control() => '\u{fffd}',
        letter => letter,
    });
    tamed.collect()
}

#[cfg(test)]
mod tests {
    use botticelli_narrative::Surroundings;

    use super::*;

    fn remarks(text: &str) -> Vec<Remark> {
        let report = botticelli_narrative::check("n.toml", text, &Surroundings::default());
        let remark = |diagnostic| Remark {
            file: "n.toml".to_owned(),
            text: Some(Arc::from(text)),
            diagnostic,
        };
        report.diagnostics.into_iter().map(remark).collect()
    }

    fn written(text: &str, is_colored: bool) -> String {
        let mut out = Vec::new();
        write(&remarks(text), &mut out, is_colored).unwrap_or_default();
        String::from_utf8(out).unwrap_or_default()
    }

    const NARRATIVE: &str = "toc = [\"idée\", \"pots\"]\n[narrative]\nname = \"n\"\ndescription = \"d\"\n[acts]\nidée = \"Say.\"\n\
                             idea = \"Say something.\"\npost = \"Write {{ previous }}.\"\n";

    #[test]
    fn colors_are_for_those_who_want_them() {
        let text = NARRATIVE.replace("idée", "idea");
        assert!(!written(&text, false).contains('\u{1b}'));
        assert!(written(&text, true).contains('\u{1b}'));
    }

    #[test]
    fn a_text_that_would_steer_the_terminal_is_shown_without_what_does_it() {
        let shown = written("[narrative]\nname = \"a\u{1b}[2Jb\"\u{9b}\n", false);
        assert!(shown.contains("\u{fffd}[2Jb"), "{shown}");
        assert!(!shown.contains(['\u{1b}', '\u{9b}']), "{shown}");
    }

    #[test]
    fn every_beginning_of_a_file_can_be_shown() {
        let text = format!("{NARRATIVE}\r\nsystem = \"\"\"a\n\n  é\n\"\"\" # é");
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            let beginning = &text[..end];
            let shown = written(beginning, false);
            for remark in remarks(beginning) {
                let place = &remark.diagnostic.place;
                let location = format!("n.toml:{}:{}", place.line, place.column);
                assert!(shown.contains(&location), "{location} of {beginning:?}:\n{shown}");
            }
        }
    }

    #[test]
    fn remarks_are_counted_in_words() {
        let count = |errors, warnings, notes| Count {
            errors,
            warnings,
            notes,
        };
        assert_eq!(count(2, 1, 0).in_words(), "2 errors, 1 warning");
        assert_eq!(count(0, 0, 1).in_words(), "1 note");
        assert_eq!(count(0, 0, 0).in_words(), "no remarks");
    }
}
