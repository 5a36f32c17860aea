//! Reading the fragments of a query, word by word.

use super::is_identifier;

/// Longer fragments are not read: nobody writes them by hand, and what is read stays small.
const MOST_BYTES: usize = 10_000;

/// A fragment of a query that is not in the accepted grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
#[non_exhaustive]
pub struct FragmentError {
    /// The byte in the fragment where it leaves the grammar.
    pub offset: usize,
    /// What was expected there, and the grammar.
    pub detail: String,
}

/// A place in a fragment, which moves forward.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// What every refusal ends with.
    grammar: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, grammar: &'static str) -> Result<Self, FragmentError> {
        let reader = Self { text, at: 0, grammar };
        if text.len() > MOST_BYTES {
            let wanted = format!("it has {} bytes, and may have {MOST_BYTES}", text.len());
            return Err(reader.refuse_at(text.floor_char_boundary(MOST_BYTES), &wanted));
        }
        Ok(reader)
    }

    /// The place behind the blanks.
    pub(super) fn skip_blanks(&mut self) -> usize {
        self.at = self.text.len() - self.rest().trim_start().len();
        self.at
    }

    pub(super) fn at_end(&mut self) -> bool {
        self.skip_blanks() == self.text.len()
    }

    /// Whether `sign` stands next, without passing it.
    pub(super) fn sees(&mut self, sign: &str) -> bool {
        self.skip_blanks();
        self.rest().starts_with(sign)
    }

    /// Passes `sign` if it stands next.
    pub(super) fn sign(&mut self, sign: &str) -> bool {
        let found = self.sees(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    /// Passes `keyword` if it stands next, in whatever case.
    pub(super) fn keyword(&mut self, keyword: &str) -> bool {
        let found = self.peek_word().eq_ignore_ascii_case(keyword);
        if found {
            self.at += keyword.len();
        }
        found
    }

    /// The letters, digits and underscores that stand next; empty when there are none.
    pub(super) fn peek_word(&mut self) -> &'a str {
        self.skip_blanks();
        let rest = self.rest();
        let length = rest.find(|character: char| !is_of_word(character));
        &rest[..length.unwrap_or(rest.len())]
    }

    pub(super) fn pass(&mut self, bytes: usize) {
        self.at += bytes;
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// A column: a name, which is none of the words in `reserved` unless it stands in double quotes.
    pub(super) fn column(&mut self, reserved: &[&str], wanted: &str) -> Result<&'a str, FragmentError> {
        let start = self.skip_blanks();
        if let Some(inner) = self.rest().strip_prefix('"') {
            let name = inner.split('"').next().unwrap_or_default();
            if !is_identifier(name) || inner.len() == name.len() {
                return Err(self.refuse_at(start, wanted));
            }
            self.pass(name.len() + 2);
            return Ok(name);
        }
        let word = self.peek_word();
        let is_reserved = reserved.iter().any(|reserved| reserved.eq_ignore_ascii_case(word));
        if is_reserved || !is_identifier(word) {
            return Err(self.refuse_at(start, wanted));
        }
        self.pass(word.len());
        Ok(word)
    }

    /// A text in single quotes, in which a doubled quote means one.
    pub(super) fn quoted(&mut self) -> Result<String, FragmentError> {
        let start = self.skip_blanks();
        let Some(inner) = self.rest().strip_prefix('\'') else {
            return Err(self.refuse_at(start, "expected a 'text'"));
        };
        let mut value = String::new();
        let mut characters = inner.char_indices().peekable();
        while let Some((index, character)) = characters.next() {
            match character {
                '\'' if characters.next_if(|(_, next)| *next == '\'').is_none() => {
                    self.pass(1 + index + 1);
                    return Ok(value);
                }
                '\0' => return Err(self.refuse_at(start, "no text holds the character NUL")),
                other => value.push(other),
            }
        }
        Err(self.refuse_at(start, "the quote is never closed"))
    }

    /// What was expected where the reader is.
    pub(super) fn refuse(&mut self, wanted: &str) -> FragmentError {
        let offset = self.skip_blanks();
        self.refuse_at(offset, wanted)
    }

    pub(super) fn refuse_at(&self, offset: usize, wanted: &str) -> FragmentError {
        FragmentError {
            offset,
            detail: format!("{wanted}; {}", self.grammar),
        }
    }
}

pub(super) fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}
