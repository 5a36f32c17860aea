//! A text that grows token by token, told in pieces that are whole characters.

/// Who hears the text, and how much of it they have heard.
pub(super) struct Telling<'a> {
    on_text: &'a mut dyn FnMut(&str),
    told: usize,
}

impl<'a> Telling<'a> {
    pub(super) fn new(on_text: &'a mut dyn FnMut(&str)) -> Self {
        Self { on_text, told: 0 }
    }

    /// Tells what is new in `text`, which has begun as it did before. Blanks at its end wait for what follows them, because
    /// there are none around an answer, and so does a character of which not every byte is there.
    pub(super) fn grown(&mut self, text: &str) {
        self.tell(
            text.trim_start()
                .trim_end_matches(char::REPLACEMENT_CHARACTER)
                .trim_end(),
        );
    }

    /// Tells the rest of `text`, which is the answer.
    pub(super) fn tell(&mut self, text: &str) {
        if let Some(news) = text.get(self.told..).filter(|news| !news.is_empty()) {
            (self.on_text)(news);
            self.told = text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_are_whole_characters_and_come_to_the_answer() {
        let mut pieces = Vec::new();
        let mut hear = |piece: &str| pieces.push(piece.to_owned());
        let mut telling = Telling::new(&mut hear);
        for text in [
            " ",
            " Gr",
            " Gr\u{fffd}",
            " Grü",
            " Grü ",
            " Grü \n",
            " Grü \nGott",
            " Grü \nGott\u{fffd}",
        ] {
            telling.grown(text);
        }
        telling.tell("Grü \nGott\u{fffd}");
        assert_eq!(pieces, ["Gr", "ü", " \nGott", "\u{fffd}"]);
    }
}
