//! What an act sees of the acts before it.

use std::sync::Arc;

use botticelli_llm::{Message, Part, Role};

use crate::narrative::History;

/// What stands in the conversation for a question whose every part has `history_retention = "drop"`.
const DROPPED: &str = "(omitted)";

/// What one act asked and what it was told. A clone shares its payload.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) act: Arc<str>,
    question: Message,
    answer: Message,
    /// How many letters it has.
    letters: usize,
}

impl Turn {
    /// A turn whose question is `prompt` with what it showed.
    pub(super) fn new(act: Arc<str>, prompt: &str, shown: Vec<Part>, reply: Arc<str>) -> Self {
        let prompt = if prompt.is_empty() && shown.is_empty() {
            DROPPED
        } else {
            prompt
        };
        let text = (!prompt.is_empty()).then(|| Part::Text(Arc::from(prompt)));
        let letters = prompt.chars().count() + reply.chars().count();
        let parts: Vec<Part> = text.into_iter().chain(shown).collect();
        Self {
            act,
            question: Message::of(Role::User, parts),
            answer: Message::assistant(reply),
            letters,
        }
    }
}

/// The turns that an act with this `history` sees, as messages, oldest first; of those at most `tokens` of the newest, counted
/// as four letters to a token.
pub(super) fn messages(turns: &[Turn], history: &History, tokens: Option<u32>) -> Vec<Message> {
    let seen: Vec<&Turn> = match history {
        History::Full => turns.iter().collect(),
        History::None => Vec::new(),
        History::Last(count) => {
            let count = usize::try_from(*count).unwrap_or(usize::MAX);
            turns.iter().skip(turns.len().saturating_sub(count)).collect()
        }
        History::Acts(acts) => turns
            .iter()
            .filter(|turn| acts.iter().any(|act| **act == *turn.act))
            .collect(),
    };
    let mut left = tokens.map_or(usize::MAX, |tokens| {
        usize::try_from(tokens).unwrap_or(usize::MAX).saturating_mul(4)
    });
    let fitting = seen.iter().rev().take_while(|turn| {
        let fits = turn.letters <= left;
        left = left.saturating_sub(turn.letters);
        fits
    });
    let first = seen.len() - fitting.count();
    seen[first..]
        .iter()
        .flat_map(|turn| [turn.question.clone(), turn.answer.clone()])
        .collect()
}
