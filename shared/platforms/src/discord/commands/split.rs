//! Long texts as several messages.

use crate::discord::MAX_CHARS;

/// A little below Discord's limit, because Discord may count an emoji as more than one.
const ROOM: usize = MAX_CHARS - 10;
/// What opens and closes a block of code.
const FENCE: &str = "```";

/// Splits a text into messages of at most [`MAX_CHARS`] Unicode scalar values, none of them blank.
///
/// It breaks between paragraphs, else between lines, else between words, else anywhere between two characters; blanks
/// at a break are left out. A block of code that is broken is closed and opened again with its language.
pub(super) fn into_messages(text: &str) -> Vec<String> {
    if text.chars().count() <= MAX_CHARS {
        return vec![text.to_owned()];
    }
    let mut messages = Vec::new();
    let mut opening = String::new();
    let mut rest = text;
    while !rest.trim().is_empty() {
        let room = ROOM - opening.chars().count() - FENCE.len() - 1;
        let at = break_of(rest, room);
        let (piece, behind) = rest.split_at(at);
        let mut message = format!("{opening}{}", piece.trim_end());
        opening = still_open(&message).map_or_else(String::new, |line| format!("{line}\n"));
        rest = behind.trim_start_matches(['\n', '\r']);
        if opening.is_empty() {
            rest = rest.trim_start_matches(' ');
        } else {
            message.push('\n');
            message.push_str(FENCE);
        }
        if !message.trim().is_empty() {
            messages.push(message);
        }
    }
    messages
}

/// Where the first `room` characters of a text are best left, in bytes; never 0 and never within a character.
fn break_of(text: &str, room: usize) -> usize {
    let Some((end, _)) = text.char_indices().nth(room) else {
        return text.len();
    };
    let piece = &text[..end];
    // A break near the beginning would make many short messages.
    let is_far = |at: &usize| *at > end / 2;
    let paragraph = piece.rfind("\n\n").filter(is_far);
    let line = || piece.rfind('\n').filter(is_far);
    let word = || piece.rfind(' ').filter(is_far);
    paragraph.or_else(line).or_else(word).unwrap_or(end)
}

/// The line that opens the block of code in which a text ends, cut to what is sensible for a language.
fn still_open(text: &str) -> Option<String> {
    let mut open = None;
    for line in text.lines() {
        let fences = line.matches(FENCE).count();
        if fences % 2 == 1 {
            let language = line.rsplit(FENCE).next().unwrap_or_default().trim();
            let is_word = language.len() <= 20 && !language.contains(char::is_whitespace);
            open = match open {
                None => Some(format!("{FENCE}{}", if is_word { language } else { "" })),
                Some(_) => None,
            };
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(messages: &[String]) -> Vec<usize> {
        messages.iter().map(|message| message.chars().count()).collect()
    }

    #[test]
    fn what_fits_is_left_alone() {
        let text = format!("{} ", "é".repeat(1999));
        assert_eq!(into_messages(&text), [text]);
    }

    #[test]
    fn characters_of_several_bytes_are_never_cut() {
        let text = "🦀".repeat(5000);
        let messages = into_messages(&text);
        assert_eq!(messages.concat(), text);
        assert!(
            lengths(&messages).iter().all(|length| *length <= 2000),
            "{:?}",
            lengths(&messages)
        );
    }

    #[test]
    fn a_text_breaks_between_paragraphs_before_lines_before_words() {
        let paragraph = "word ".repeat(300);
        let messages = into_messages(&format!("{paragraph}\n\n{paragraph}\nline\n{}", "word ".repeat(50)));
        assert_eq!(messages[0], paragraph.trim_end());
        assert!(messages[1].ends_with("word"));
        assert_eq!(messages.len(), 2);

        let words = into_messages(&"word ".repeat(1000));
        assert!(
            words
                .iter()
                .all(|message| message.starts_with("word") && message.ends_with("word"))
        );
    }

    #[test]
    fn nothing_but_blanks_at_breaks_is_lost() {
        let words = (0..4000).map(|number| number.to_string());
        let text = words.collect::<Vec<_>>().join(" ").replace("7 ", "7\n");
        let together: String = into_messages(&text).concat();
        let solid = |text: &str| {
            text.chars()
                .filter(|letter| !letter.is_whitespace())
                .collect::<String>()
        };
        assert_eq!(solid(&together), solid(&text));
    }

    #[test]
    fn a_broken_block_of_code_is_closed_and_opened_again() {
        let code = "let crab = 1;\n".repeat(200);
        let messages = into_messages(&format!("See:\n```rust\n{code}```\nDone."));
        assert!(messages.len() > 1);
        for message in &messages {
            assert_eq!(message.matches(FENCE).count() % 2, 0, "{message}");
            assert!(message.chars().count() <= 2000);
        }
        assert!(messages[1].starts_with("```rust\nlet crab"), "{}", messages[1]);
        assert!(messages.last().is_some_and(|message| message.ends_with("Done.")));
    }
}
