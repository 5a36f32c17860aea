//! Names in statements: the one place where they are put into quotes.

use std::fmt;

/// What PostgreSQL cuts names off at.
const LONGEST: usize = 63;

/// A name that may stand in a statement: shown in double quotes, with the quotes in it doubled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identifier<'a>(&'a str);

impl<'a> Identifier<'a> {
    /// `name`, if PostgreSQL can have something of that very name.
    pub(crate) fn of(name: &'a str) -> Option<Self> {
        let fits = (1..=LONGEST).contains(&name.len()) && !name.contains('\0');
        fits.then_some(Self(name))
    }

    /// `name`, if it needs no quotes but where it is a word of SQL: what tables and columns that are made here are called.
    pub(crate) fn plain(name: &'a str) -> Option<Self> {
        let mut bytes = name.bytes();
        let begins = bytes
            .next()
            .is_some_and(|first| first.is_ascii_lowercase() || first == b'_');
        let goes_on = bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        Self::of(name).filter(|_| begins && goes_on)
    }

    pub(crate) fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Display for Identifier<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

/// `name` as a message shows it, whoever made it up: in one line, and cut off behind 80 characters.
pub(crate) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    // A quote is no danger in a message.
    shown = shown.replace("\\'", "'").replace("\\\"", "\"");
    if name.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}

/// Names for a message: in backticks, the nearest to `word` first, and not more than twenty.
pub(crate) fn list(word: &str, names: &[&str]) -> String {
    const MOST: usize = 20;
    let nearest = botticelli_toml_document::nearest(word, names.iter().copied());
    let rest = names.iter().copied().filter(|name| Some(*name) != nearest);
    let listed: Vec<String> = nearest
        .into_iter()
        .chain(rest)
        .take(MOST)
        .map(|name| format!("`{}`", shown(name)))
        .collect();
    match names.len() {
        0 => "none".to_owned(),
        count if count > MOST => format!("{} and {} more", listed.join(", "), count - MOST),
        _ => listed.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::{Identifier, list, shown};

    #[test]
    fn quotes_in_a_name_are_doubled() {
        let hostile = Identifier::of("x\"; drop table y; --").map(|name| name.to_string());
        assert_eq!(hostile.as_deref(), Some("\"x\"\"; drop table y; --\""));
    }

    #[test]
    fn what_postgresql_cannot_have_a_name_of_is_none() {
        let longest = "ü".repeat(31);
        assert_eq!(Identifier::of(&longest).map(Identifier::as_str), Some(longest.as_str()));
        for name in ["", "a\0b", &"a".repeat(64), &"ü".repeat(32)] {
            assert_eq!(Identifier::of(name), None, "{name:?}");
        }
        for name in ["A", "2b", "a b", "a.b", "größe", "a\"b"] {
            assert_eq!(Identifier::plain(name), None, "{name:?}");
        }
        assert!(Identifier::plain("_order2").is_some());
    }

    #[test]
    fn a_message_stays_readable_whatever_a_name_holds() {
        assert_eq!(shown("it's \"a\"\n\0b"), "it's \"a\"\\n\\0b");
        assert_eq!(shown(&"x".repeat(10_000)), format!("{}…", "x".repeat(80)));
        assert_eq!(list("titel", &["body", "title"]), "`title`, `body`");
        assert_eq!(list("x", &[]), "none");
        let many: Vec<String> = (0..23).map(|number| format!("column{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(list("column22", &many).starts_with("`column22`, `column0`, "));
        assert!(list("column22", &many).ends_with(" and 3 more"));
    }
}
