//! Filters with names in them. Each name stands in a text in single quotes, and what it brings in stays there.
//!
//! What is written around the names never goes through the template language, and the text of a name has its quotes doubled.
//! So the filter that is played differs from the one that was checked in the texts that it compares with, and in nothing else.

use std::{ops::Range, sync::Arc};

use super::{
    Known, Piece, SyntaxError, Template, TemplateError, Values,
    engine::LONGEST,
    translation::{Translation, translate},
};
use crate::table::{Condition, Filter, Literal, Operand, Test};

/// Stands for a name while a filter is checked: the grammar has it nowhere but in quotes.
const STAND_IN: char = '\u{1a}';

impl Known<'_> {
    /// Reads `text` as a [`Filter`] in whose texts names may stand, and says everything that is wrong with it.
    pub(crate) fn filter(&self, text: &str) -> Result<Template, Vec<SyntaxError>> {
        let translation = translate(text, &|_| false).map_err(|error| vec![error])?;
        let outline = Outline::of(text, &translation);
        outline.check(text).map_err(|error| vec![error])?;
        if !translation.has_code {
            return Ok(Template::literal(text));
        }
        let mut whole = Template::literal(text);
        let mut pieces = Vec::new();
        let mut errors = Vec::new();
        for piece in outline.pieces {
            match piece {
                OutlinePiece::Written(written) => pieces.push(Piece::Written(written)),
                OutlinePiece::Name(range) => match self.name_in(text, &range) {
                    Ok(name) => {
                        whole.heads.extend(name.heads.iter().cloned());
                        whole.required_arguments.extend(name.required_arguments.iter().cloned());
                        whole.state_keys.extend(name.state_keys.iter().cloned());
                        pieces.push(Piece::Quoted(name));
                    }
                    Err(more) => errors.extend(more),
                },
            }
        }
        whole.pieces = Some(Arc::from(pieces));
        if errors.is_empty() { Ok(whole) } else { Err(errors) }
    }

    /// Reads the code at `range` by itself.
    fn name_in(&self, text: &str, range: &Range<usize>) -> Result<Template, Vec<SyntaxError>> {
        let shifted = |inner: &Range<usize>| inner.start + range.start..inner.end + range.start;
        let noted = self.notes.borrow().len();
        let read = self.template(&text[range.clone()]);
        for (place, _) in &mut self.notes.borrow_mut()[noted..] {
            *place = shifted(place);
        }
        read.map_err(|errors| {
            let errors = errors.into_iter().map(|error| SyntaxError {
                range: shifted(&error.range),
                ..error
            });
            errors.collect()
        })
    }
}

impl Template {
    /// The filter of these pieces with every name replaced.
    pub(super) fn joined(&self, pieces: &[Piece], values: &Values<'_>) -> Result<String, TemplateError> {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Written(written) => text.push_str(written),
                Piece::Quoted(name) => text.push_str(&name.render(values)?.replace('\'', "''")),
            }
            if text.len() > LONGEST {
                return Err(self.too_long());
            }
        }
        Ok(text)
    }
}

/// A filter with a [`STAND_IN`] for each of its names.
struct Outline {
    text: String,
    /// Where parts of it come from: its byte, and the byte in the filter as written; ascending.
    origins: Vec<(usize, usize)>,
    pieces: Vec<OutlinePiece>,
    /// Code that is not a name, as far as there is any.
    statement: Option<Range<usize>>,
}

enum OutlinePiece {
    Written(String),
    /// The bytes of a name, with its marks.
    Name(Range<usize>),
}

impl Outline {
    fn of(text: &str, translation: &Translation) -> Self {
        let mut outline = Self {
            text: String::new(),
            origins: Vec::new(),
            pieces: Vec::new(),
            statement: None,
        };
        let mut at = 0;
        for place in &translation.places {
            outline.write(text, at..place.range.start);
            at = place.range.end;
            if !place.is_output {
                outline.statement.get_or_insert(place.range.clone());
            }
            outline.origins.push((outline.text.len(), place.range.start));
            outline.text.push(STAND_IN);
            outline.pieces.push(OutlinePiece::Name(place.range.clone()));
        }
        outline.write(text, at..text.len());
        outline
    }

    /// Takes over what stands between names; `$${` means the signs `${`.
    fn write(&mut self, text: &str, range: Range<usize>) {
        let begin = self.text.len();
        let mut at = range.start;
        for part in text[range].split_inclusive("$${") {
            let plain = part.strip_suffix("$${").unwrap_or(part);
            self.origins.push((self.text.len(), at));
            self.text.push_str(plain);
            if plain.len() < part.len() {
                self.origins.push((self.text.len(), at + plain.len() + 1));
                self.text.push_str("${");
            }
            at += part.len();
        }
        self.pieces.push(OutlinePiece::Written(self.text[begin..].to_owned()));
    }

    fn names(&self) -> impl Iterator<Item = &Range<usize>> {
        self.pieces.iter().filter_map(|piece| match piece {
            OutlinePiece::Name(range) => Some(range),
            OutlinePiece::Written(_) => None,
        })
    }

    /// Whether it is a filter, and its names stand in texts that are compared.
    fn check(&self, text: &str) -> Result<(), SyntaxError> {
        if let Some(range) = &self.statement {
            return Err(SyntaxError {
                range: range.clone(),
                detail: "a filter holds names in `{{ … }}`, and neither `{% … %}` nor `{# … #}`; \
                         choose the text in an act before, and write '{{ ACT }}'"
                    .to_owned(),
            });
        }
        if let Some(place) = text.find(STAND_IN) {
            return Err(SyntaxError {
                range: place..place + STAND_IN.len_utf8(),
                detail: "the character U+001A cannot stand in a filter".to_owned(),
            });
        }
        let filter = match Filter::parse(&self.text) {
            Ok(filter) => filter,
            Err(error) => {
                let place = error.offset + usize::from(self.text[error.offset..].starts_with('"'));
                if let Some(range) = self.name_at(place) {
                    return Err(not_in_quotes(text, range));
                }
                let offset = self.origin(error.offset);
                return Err(SyntaxError {
                    range: offset..offset,
                    detail: error.detail,
                });
            }
        };
        let mut texts = Vec::new();
        if let Some(condition) = &filter.condition {
            collect_texts(condition, &mut texts);
        }
        let mut names = self.names();
        for (compared, is_pattern) in texts {
            for _ in compared.matches(STAND_IN) {
                match names.next() {
                    Some(range) if is_pattern => return Err(in_pattern(text, range)),
                    Some(_) | None => {}
                }
            }
        }
        names.next().map_or(Ok(()), |range| Err(not_in_quotes(text, range)))
    }

    /// The name for which a byte stands.
    fn name_at(&self, place: usize) -> Option<&Range<usize>> {
        let is_name = self.text.get(place..)?.starts_with(STAND_IN);
        let before = self.text[..place].matches(STAND_IN).count();
        is_name.then(|| self.names().nth(before)).flatten()
    }

    /// The byte of the filter as written from which a byte comes.
    fn origin(&self, offset: usize) -> usize {
        let index = self.origins.partition_point(|(here, _)| *here <= offset);
        let (here, written) = index.checked_sub(1).map_or((0, 0), |index| self.origins[index]);
        written + (offset - here)
    }
}

fn not_in_quotes(text: &str, range: &Range<usize>) -> SyntaxError {
    let name = &text[range.clone()];
    SyntaxError {
        range: range.clone(),
        detail: format!(
            "`{name}` does not stand in a text here, and could become any part of the filter; write '{name}' in single \
             quotes, which are read in the type of the column"
        ),
    }
}

fn in_pattern(text: &str, range: &Range<usize>) -> SyntaxError {
    let name = &text[range.clone()];
    SyntaxError {
        range: range.clone(),
        detail: format!(
            "`{name}` stands in a pattern, where a `%` in what it brings in means every row; compare with `=` or `in`, or \
             write the pattern out"
        ),
    }
}

/// The texts that a condition compares with, in their order, and whether they are patterns.
fn collect_texts<'a>(condition: &'a Condition, texts: &mut Vec<(&'a str, bool)>) {
    let test = match condition {
        Condition::All(conditions) | Condition::Any(conditions) => {
            for condition in conditions {
                collect_texts(condition, texts);
            }
            return;
        }
        Condition::Not(condition) => return collect_texts(condition, texts),
        Condition::Test(test) => test,
    };
    let operands: Vec<&Operand> = match test {
        Test::Compare { left, right, .. } => vec![left, right],
        Test::In { values, .. } => values.iter().collect(),
        Test::Between { low, high, .. } => vec![low, high],
        Test::Like { pattern, .. } => return texts.push((pattern, true)),
        Test::IsNull { .. } | Test::IsTruth { .. } => Vec::new(),
    };
    texts.extend(operands.into_iter().filter_map(|operand| match operand {
        Operand::Literal(Literal::Text(compared)) => Some((compared.as_str(), false)),
        Operand::Literal(_) | Operand::Column(_) | Operand::Moment(_) => None,
    }));
}
