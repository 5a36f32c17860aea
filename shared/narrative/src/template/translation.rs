//! From upstream's spellings to Jinja's.
//!
//! | written | in Jinja |
//! |---|---|
//! | `${NAME}` | `{{ NAME }}` |
//! | `env:VAR`, and `VAR` in capitals | `env["VAR"]` |
//! | `state:some.key` | `state["some.key"]` |
//! | `ENV:VAR`, `STATE:KEY` | the same two |
//! | `$${` | `${`, literally |

use std::ops::Range;

use super::{
    SyntaxError,
    tokens::{Token, TokenKind, quoted_length, tokens},
};

/// A text in Jinja's language.
pub(super) struct Translation {
    pub(super) jinja: String,
    /// The words of its code, with their places in the text as written.
    pub(super) code: Vec<Token>,
    /// What of it is written as `env:VAR`, `state:KEY` or `VAR`.
    pub(super) scoped: Vec<Scoped>,
    /// Where parts of the Jinja text come from: its byte, and the byte in the text as written; ascending.
    origins: Vec<(usize, usize)>,
    /// Where its code stands in the text as written, with its marks, in order.
    pub(super) places: Vec<Place>,
    /// Whether it has any code at all.
    pub(super) has_code: bool,
}

/// Where code stands in a text as written.
pub(super) struct Place {
    /// Its bytes, with the marks around it.
    pub(super) range: Range<usize>,
    /// Whether it brings in a value, and does nothing else.
    pub(super) is_output: bool,
}

impl Translation {
    /// The bytes of the text as written that `range` of the Jinja text comes from.
    pub(super) fn origin(&self, range: &Range<usize>) -> Range<usize> {
        let of = |offset: usize| {
            let index = self.origins.partition_point(|(jinja, _)| *jinja <= offset);
            let (jinja, written) = index.checked_sub(1).map_or((0, 0), |index| self.origins[index]);
            written + (offset - jinja)
        };
        of(range.start)..of(range.end).max(of(range.start))
    }
}

/// A name that says where its value is kept.
pub(super) struct Scoped {
    /// `env` or `state`.
    pub(super) scope: &'static str,
    pub(super) key: String,
    /// Its bytes in the text as written.
    pub(super) range: Range<usize>,
}

/// How code is marked in a text.
struct Mark {
    open: &'static str,
    close: &'static str,
}

const OUTPUT: Mark = Mark {
    open: "{{",
    close: "}}",
};
const STATEMENT: Mark = Mark {
    open: "{%",
    close: "%}",
};
const COMMENT: Mark = Mark {
    open: "{#",
    close: "#}",
};
const DOLLAR: Mark = Mark { open: "${", close: "}" };

/// Translates `text`; `is_act` tells the names of acts, which are never taken for variables of the environment.
pub(super) fn translate(text: &str, is_act: &dyn Fn(&str) -> bool) -> Result<Translation, SyntaxError> {
    let mut writer = Writer::new(text, is_act);
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("$${") {
            writer.has_escapes = true;
            writer.copy(at + 1..at + 3);
            at += 3;
        } else if let Some(mark) = [&OUTPUT, &STATEMENT, &DOLLAR]
            .into_iter()
            .find(|mark| rest.starts_with(mark.open))
        {
            let inside = at + mark.open.len();
            let Some(length) = code_length(&text[inside..], mark.close) else {
                return Err(never_closed(at, mark));
            };
            let end = inside + length;
            let start = at;
            at = writer.code(start, inside..end, mark)?;
            writer.note(start..at, mark.open != STATEMENT.open);
        } else if rest.starts_with(COMMENT.open) {
            let Some(length) = rest.find(COMMENT.close) else {
                return Err(never_closed(at, &COMMENT));
            };
            writer.has_code = true;
            let end = at + length + COMMENT.close.len();
            writer.copy(at..end);
            writer.note(at..end, false);
            at = end;
        } else {
            let next = rest
                .char_indices()
                .skip(1)
                .find(|(_, letter)| matches!(letter, '{' | '$'));
            let length = next.map_or(rest.len(), |(index, _)| index);
            writer.copy(at..at + length);
            at += length;
        }
    }
    Ok(writer.finish())
}

/// The words of `text`, taken as a single expression, and its translation.
pub(super) fn translate_expression(text: &str, is_act: &dyn Fn(&str) -> bool) -> Translation {
    let mut writer = Writer::new(text, is_act);
    writer.has_code = true;
    writer.words(0..text.len());
    writer.finish()
}

fn never_closed(offset: usize, mark: &Mark) -> SyntaxError {
    let Mark { open, close } = mark;
    let literally = match *open {
        "${" => "$${".to_owned(),
        open => format!("{{{{ \"{open}\" }}}}"),
    };
    SyntaxError {
        range: offset..offset + open.len(),
        detail: format!("`{open}` is never closed by `{close}`; for the signs themselves write `{literally}`"),
    }
}

/// How long the code is that `close` ends, not counting what stands in quotes.
fn code_length(text: &str, close: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if text[at..].starts_with(close) {
            return Some(at);
        }
        at += match first {
            // An apostrophe in a prompt is not a quote; only one that is closed before the code ends can be.
            '"' | '\'' => {
                let length = quoted_length(&text[at..], first);
                if at + length < text.len() { length } else { 1 }
            }
            _ => first.len_utf8(),
        };
    }
    None
}

struct Writer<'a> {
    text: &'a str,
    is_act: &'a dyn Fn(&str) -> bool,
    jinja: String,
    code: Vec<Token>,
    scoped: Vec<Scoped>,
    origins: Vec<(usize, usize)>,
    places: Vec<Place>,
    has_code: bool,
    has_escapes: bool,
}

impl<'a> Writer<'a> {
    fn new(text: &'a str, is_act: &'a dyn Fn(&str) -> bool) -> Self {
        Self {
            text,
            is_act,
            jinja: String::with_capacity(text.len() + 16),
            code: Vec::new(),
            scoped: Vec::new(),
            origins: Vec::new(),
            places: Vec::new(),
            has_code: false,
            has_escapes: false,
        }
    }

    fn finish(self) -> Translation {
        Translation {
            jinja: self.jinja,
            code: self.code,
            scoped: self.scoped,
            origins: self.origins,
            places: self.places,
            has_code: self.has_code || self.has_escapes,
        }
    }

    fn note(&mut self, range: Range<usize>, is_output: bool) {
        self.places.push(Place { range, is_output });
    }

    fn copy(&mut self, range: Range<usize>) {
        self.origins.push((self.jinja.len(), range.start));
        self.jinja.push_str(&self.text[range]);
    }

    /// Writes code that begins at `start`; gives back where the text goes on behind it.
    fn code(&mut self, start: usize, inside: Range<usize>, mark: &Mark) -> Result<usize, SyntaxError> {
        self.has_code = true;
        let end = inside.end + mark.close.len();
        if mark.open == STATEMENT.open && self.text[inside.clone()].trim_matches(['-', ' ', '+']) == "raw" {
            return self.raw(start, end);
        }
        let jinja = if mark.open == DOLLAR.open { &OUTPUT } else { mark };
        self.origins.push((self.jinja.len(), start));
        self.jinja.push_str(jinja.open);
        if mark.open == DOLLAR.open {
            // `${-1}` must not become Jinja's sign for trimming blanks.
            self.jinja.push(' ');
        }
        self.words(inside.clone());
        self.origins.push((self.jinja.len(), inside.end));
        if mark.open == DOLLAR.open {
            self.jinja.push(' ');
        }
        self.jinja.push_str(jinja.close);
        Ok(end)
    }

    /// Copies everything up to the end of a `raw` block.
    fn raw(&mut self, start: usize, inside: usize) -> Result<usize, SyntaxError> {
        let mut at = inside;
        while let Some(open) = self.text[at..].find(STATEMENT.open) {
            let word = at + open + STATEMENT.open.len();
            let Some(length) = self.text[word..].find(STATEMENT.close) else {
                break;
            };
            let end = word + length + STATEMENT.close.len();
            if self.text[word..word + length].trim_matches(['-', ' ', '+']) == "endraw" {
                self.copy(start..end);
                return Ok(end);
            }
            at = end;
        }
        Err(SyntaxError {
            range: start..inside,
            detail: "`{% raw %}` is never closed by `{% endraw %}`".to_owned(),
        })
    }

    fn words(&mut self, range: Range<usize>) {
        let text = self.text;
        let words = tokens(text, range.clone());
        let mut at = range.start;
        let mut index = 0;
        while let Some(word) = words.get(index) {
            if let Some((scope, key, used)) = self.scoped(&words, index, range.end) {
                self.copy(at..word.range.start);
                self.origins.push((self.jinja.len(), word.range.start));
                self.jinja.push_str(scope);
                self.jinja.push_str("[\"");
                self.jinja.push_str(key);
                self.jinja.push_str("\"]");
                at = used;
                self.scoped.push(Scoped {
                    scope,
                    key: key.to_owned(),
                    range: word.range.start..used,
                });
                while words.get(index).is_some_and(|word| word.range.start < used) {
                    index += 1;
                }
            } else {
                self.code.push(word.clone());
                index += 1;
            }
        }
        self.copy(at..range.end);
    }

    /// `env:VAR`, `state:KEY` or a variable of the environment at the word `index`: scope, key and where it ends.
    fn scoped(&self, words: &[Token], index: usize, end: usize) -> Option<(&'static str, &'a str, usize)> {
        let word = &words[index];
        if word.kind != TokenKind::Name {
            return None;
        }
        let sign = |at: Option<usize>| {
            at.and_then(|at| words.get(at))
                .map(|word| &self.text[word.range.clone()])
        };
        if matches!(sign(index.checked_sub(1)), Some("." | "|")) {
            return None;
        }
        let name = &self.text[word.range.clone()];
        let scope = match name {
            "env" | "ENV" => Some("env"),
            "state" | "STATE" => Some("state"),
            _ => None,
        };
        let after = &self.text[word.range.end..end];
        if let Some(scope) = scope
            && let Some(key) = after.strip_prefix(':')
        {
            let length = key
                .find(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | '.' | '-'))
                .unwrap_or(key.len());
            return (length > 0).then(|| (scope, &key[..length], word.range.end + 1 + length));
        }
        let is_capital = name.len() > 1
            && name.starts_with(|first: char| first.is_ascii_uppercase())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        let is_variable = is_capital && !matches!(sign(Some(index + 1)), Some("(" | "=")) && !(self.is_act)(name);
        is_variable.then_some(("env", name, word.range.end))
    }
}
