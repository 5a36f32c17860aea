//! The conversation as the model was trained to see it, in ChatML.

use super::vocabulary::Vocabulary;
use crate::{Request, Role};

/// What stands in for a missing system instruction; the model has never seen a conversation without one.
const DEFAULT_SYSTEM: &str = "You are a helpful AI assistant.";

/// The tokens of the conversation, up to where the model's answer begins.
pub(super) fn prompt(request: &Request, vocabulary: &Vocabulary) -> Result<Vec<u32>, tokenizers::Error> {
    let mut tokens = Vec::new();
    let mut turn = |role: &str, content: Option<&str>| {
        tokens.push(vocabulary.turn_start);
        match content {
            Some(content) => {
                tokens.extend(vocabulary.encode(&format!("{role}\n{content}"))?);
                tokens.push(vocabulary.turn_end);
                tokens.extend(vocabulary.encode("\n")?);
            }
            None => tokens.extend(vocabulary.encode(&format!("{role}\n"))?),
        }
        Ok::<(), tokenizers::Error>(())
    };
    turn("system", Some(request.system.as_deref().unwrap_or(DEFAULT_SYSTEM)))?;
    for message in &request.messages {
        let role = match message.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        turn(role, Some(&message.content))?;
    }
    turn("assistant", None)?;
    Ok(tokens)
}
