//! The words of a template's code: enough to find names in it, and where they stand.

use std::ops::Range;

/// One word of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// Its bytes in the text.
    pub(super) range: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Name,
    Number,
    /// A text in quotes, quotes included.
    Text,
    /// Any other character.
    Sign,
}

/// The words between `range.start` and `range.end` of `text`.
pub(super) fn tokens(text: &str, range: Range<usize>) -> Vec<Token> {
    let mut found = Vec::new();
    let mut at = range.start;
    while let Some(first) = text[at..range.end].chars().next() {
        let rest = &text[at..range.end];
        let (kind, length) = match first {
            _ if first.is_whitespace() => {
                at += first.len_utf8();
                continue;
            }
            _ if first.is_alphabetic() || first == '_' => (TokenKind::Name, length_while(rest, is_of_name)),
            _ if first.is_ascii_digit() => (TokenKind::Number, length_while(rest, |letter| letter.is_ascii_digit())),
            '"' | '\'' => (TokenKind::Text, quoted_length(rest, first)),
            _ => (TokenKind::Sign, first.len_utf8()),
        };
        found.push(Token {
            kind,
            range: at..at + length,
        });
        at += length;
    }
    found
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn length_while(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !belongs(letter)).unwrap_or(text.len())
}

/// How long a text in quotes is; up to the end where it is never closed.
pub(super) fn quoted_length(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (index, letter) in text.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if letter == quote => return index + letter.len_utf8(),
            _ => {}
        }
    }
    text.len()
}
