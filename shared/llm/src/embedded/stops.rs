//! Texts at which an answer ends.

/// The texts of a request. An empty one ends nothing.
pub(super) struct Stops<'a>(pub(super) &'a [String]);

impl Stops<'_> {
    /// Where `text` ends, if one of the texts is in it.
    pub(super) fn end_of(&self, text: &str) -> Option<usize> {
        let stops = self.0.iter().filter(|stop| !stop.is_empty());
        stops.filter_map(|stop| text.find(stop.as_str())).min()
    }

    /// `text` without what may turn out to be the beginning of one of the texts.
    pub(super) fn certain<'t>(&self, text: &'t str) -> &'t str {
        let may_begin = |tail: &str| self.0.iter().any(|stop| stop.starts_with(tail));
        let end = text.char_indices().find(|(start, _)| may_begin(&text[*start..]));
        end.map_or(text, |(end, _)| &text[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_texts_ends_the_answer() {
        let stops = ["END".to_owned(), "\n\n".to_owned()];
        assert_eq!(Stops(&stops).end_of("one\n\ntwo END"), Some(3));
        assert_eq!(Stops(&stops).end_of("one\ntwo EN"), None);
        assert_eq!(Stops(&[String::new()]).end_of("one"), None);
    }

    #[test]
    fn what_may_become_one_of_the_texts_is_held_back() {
        let stops = ["END".to_owned()];
        for (text, certain) in [
            ("an E", "an "),
            ("an EN", "an "),
            ("an EM", "an EM"),
            ("E EN", "E "),
            ("", ""),
        ] {
            assert_eq!(Stops(&stops).certain(text), certain, "{text}");
        }
        assert_eq!(Stops(&[]).certain("an E"), "an E");
    }
}
