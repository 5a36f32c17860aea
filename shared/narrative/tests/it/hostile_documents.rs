//! No document, however broken, brings the reader down.

use botticelli_narrative::parse;

use crate::shipped_narratives::{CURATION, GENERATION, POSTING};

/// A small generator of the same numbers every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }
}

const FRAGMENTS: [&str; 24] = [
    "{{",
    "}}",
    "${",
    "$${",
    "{{{{",
    "'",
    "\"",
    "\"\"\"",
    "[",
    "]",
    "=",
    "\n",
    "\u{0}",
    "ü",
    "𝄞",
    "null",
    "inf",
    "-1",
    "1979-05-27",
    "[narrative]",
    "[[acts]]",
    "toc = []\n",
    "{{args.x|",
    "where = \"a = '",
];

#[test]
fn mutated_documents_are_accepted_or_refused_with_a_place_in_them() {
    let mut numbers = Numbers(7);
    let mut refused = 0;
    for round in 0..3000 {
        let document = [GENERATION, CURATION, POSTING][round % 3];
        let mut characters: Vec<char> = document.chars().collect();
        for _ in 0..=numbers.below(4) {
            let at = numbers.below(characters.len());
            let end = (at + numbers.below(40)).min(characters.len());
            match numbers.below(4) {
                0 => drop(characters.drain(at..end)),
                1 => drop(characters.splice(at..at, FRAGMENTS[numbers.below(FRAGMENTS.len())].chars())),
                2 => characters.truncate(at + 1),
                _ => {
                    let copied = characters[at..end].to_vec();
                    let to = numbers.below(characters.len());
                    drop(characters.splice(to..to, copied));
                }
            }
        }
        let text: String = characters.into_iter().collect();
        match parse("m.toml", &text) {
            Ok(file) => file.names().for_each(|name| drop(file.narrative(Some(name)).unwrap())),
            Err(error) => {
                refused += 1;
                let told = error.to_string();
                let place = told
                    .strip_prefix("`m.toml`:")
                    .and_then(|rest| rest.split_once(':'))
                    .unwrap();
                assert!(place.0.parse::<usize>().unwrap() <= text.lines().count() + 1, "{told}");
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn arbitrary_characters_are_refused_calmly() {
    let mut numbers = Numbers(11);
    for _ in 0..3000 {
        let length = numbers.below(60);
        let text: String = (0..length)
            .map(|_| match numbers.below(3) {
                0 => FRAGMENTS[numbers.below(FRAGMENTS.len())].to_owned(),
                1 => char::from(u8::try_from(numbers.below(128)).unwrap()).to_string(),
                _ => "abc_.,:"[numbers.below(7)..].chars().take(1).collect(),
            })
            .collect();
        assert!(parse("m.toml", &text).is_err(), "{text}");
    }
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    for depth in [100, 10_000] {
        let nested = format!("toc = {}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse("m.toml", &nested).is_err());
        let schema = format!("x = {}1{}", "{ a = ".repeat(depth), " }".repeat(depth));
        assert!(parse("m.toml", &format!("[schemas.s]\n{schema}")).is_err());
    }
}
