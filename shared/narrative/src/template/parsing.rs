//! From text to template.

use super::{Name, Part, Placeholder, Selection, SyntaxError, Template};
use crate::narrative::is_name;

/// The names that mean something of their own, so no act may have them.
pub(crate) const RESERVED: [&str; 4] = ["previous", "iteration", "iterations", "args"];

/// How a placeholder is written: what opens and closes it, and what writes its opening literally.
struct Style {
    escape: &'static str,
    open: &'static str,
    close: &'static str,
}

const STYLES: [Style; 2] = [
    Style {
        escape: "{{{{",
        open: "{{",
        close: "}}",
    },
    Style {
        escape: "$${",
        open: "${",
        close: "}",
    },
];

impl Template {
    /// Finds the names in `text`.
    pub(crate) fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        'text: while at < text.len() {
            let rest = &text[at..];
            for style in &STYLES {
                if rest.starts_with(style.escape) {
                    literal.push_str(style.open);
                    at += style.escape.len();
                    continue 'text;
                }
                if let Some(inside) = rest.strip_prefix(style.open) {
                    let Some(end) = inside.find(style.close) else {
                        return Err(never_closed(at, style));
                    };
                    let name = name(&inside[..end]).map_err(|detail| SyntaxError { offset: at, detail })?;
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Name(Placeholder { offset: at, name }));
                    at += style.open.len() + end + style.close.len();
                    continue 'text;
                }
            }
            // No style starts here, so none starts before the next character that could begin one.
            let step = rest.char_indices().skip(1).find(|(_, next)| matches!(next, '{' | '$'));
            let length = step.map_or(rest.len(), |(index, _)| index);
            literal.push_str(&rest[..length]);
            at += length;
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self { parts })
    }
}

fn never_closed(offset: usize, style: &Style) -> SyntaxError {
    let Style { escape, open, close } = style;
    SyntaxError {
        offset,
        detail: format!("`{open}` is never closed by `{close}`; for the braces themselves write `{escape}`"),
    }
}

fn name(inside: &str) -> Result<Name, String> {
    let (name, default) = match inside.split_once('|') {
        Some((name, default)) => (name.trim(), Some(default)),
        None => (inside.trim(), None),
    };
    if let Some(key) = name.strip_prefix("args.") {
        if !is_name(key) {
            return Err(format!(
                "`{name}` is not an argument; write `args.KEY` with letters, digits, `_` and `-`"
            ));
        }
        return Ok(Name::Argument {
            key: key.to_owned(),
            default: default.map(str::to_owned),
        });
    }
    if default.is_some() {
        return Err(format!("`{name}` cannot have a text after `|`; only `args.KEY` can"));
    }
    if let Some((scope @ ("env" | "state"), _)) = name.split_once(':') {
        return Err(format!(
            "`{scope}:` is not available in a narrative; pass the value to the run as `args.KEY`"
        ));
    }
    let mut steps = name.split('.');
    let subject = steps.next().unwrap_or_default();
    let steps: Vec<String> = steps.map(str::to_owned).collect();
    match (subject, steps.as_slice()) {
        ("iteration", []) => Ok(Name::Iteration),
        ("iterations", []) => Ok(Name::Iterations),
        ("iteration" | "iterations", _) => Err(format!("`{subject}` is a number; nothing may follow it")),
        ("args", _) => Err("`args` wants the argument's name: write `args.KEY`".to_owned()),
        ("previous", _) => Ok(Name::Previous(selection(name, &steps)?)),
        _ if is_name(subject) => Ok(Name::Act(subject.to_owned(), selection(name, &steps)?)),
        _ => Err(format!(
            "`{name}` is not a name; for the braces themselves write `{{{{{{{{` or `$${{`"
        )),
    }
}

fn selection(name: &str, steps: &[String]) -> Result<Selection, String> {
    match steps {
        [] => Ok(Selection::Text),
        [json, path @ ..] if json == "json" && path.iter().all(|step| !step.is_empty()) => {
            Ok(Selection::Json(path.to_vec()))
        }
        _ => Err(format!(
            "`{name}`: only `.json` and a path in it, such as `.json.tags.0`, may follow an act's name"
        )),
    }
}

pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}
