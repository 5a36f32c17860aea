//! Patterns of names, such as `gemini-*`.

/// A name in which every `*` stands for any text, the empty one too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(String);

impl NamePattern {
    /// The pattern that is written as `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether it stands for `name`.
    pub fn matches(&self, name: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else {
            return self.0 == name;
        };
        let Some(mut name) = name.strip_prefix(first) else {
            return false;
        };
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        // The first place where each part fits leaves the most room for the others.
        for part in middle.split('*') {
            match name.split_once(part) {
                Some((_, behind)) => name = behind,
                None => return false,
            }
        }
        name.ends_with(last)
    }

    /// How much of a name it fixes. Of the patterns that match one, the most exact is the right one.
    fn exactness(&self) -> usize {
        let letters = self.0.chars().filter(|letter| *letter != '*').count();
        // A name without a gap fixes its end, too.
        2 * letters + usize::from(!self.0.contains('*'))
    }
}

/// What stands behind the most exact of the patterns that match `name`.
pub(crate) fn most_exact<'p, T>(patterns: &'p [(NamePattern, T)], name: &str) -> Option<&'p T> {
    let matching = patterns.iter().filter(|(pattern, _)| pattern.matches(name));
    let exact = matching.max_by_key(|(pattern, _)| pattern.exactness());
    exact.map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        let matches = |pattern: &str, name: &str| NamePattern::new(pattern).matches(name);
        for (pattern, name) in [
            ("gemini-*", "gemini-3-pro"),
            ("gemini-*", "gemini-"),
            ("*", ""),
            ("*-mini", "gpt-5-mini"),
            ("g*-*-mini", "gpt-5-mini"),
            ("a*b*b", "abb"),
            ("**", "x"),
            ("gpt-5", "gpt-5"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("gemini-*", "gemini"),
            ("gpt-5", "gpt-5-mini"),
            ("*-mini", "gpt-5-mini-2026"),
            ("a*b*b", "ab"),
            ("ab*ba", "aba"),
            ("", "x"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_name_is_more_exact_than_a_pattern_and_a_long_pattern_than_a_short_one() {
        let exactness = |text: &str| NamePattern::new(text).exactness();
        assert!(exactness("gpt-5") > exactness("gpt-5*"));
        assert!(exactness("gpt-5*") > exactness("gpt-*"));
        assert!(exactness("gpt-*") > exactness("*"));
    }
}
