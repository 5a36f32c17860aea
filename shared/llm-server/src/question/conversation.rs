//! The messages of a request.

use std::sync::Arc;

use botticelli_llm::{Message, Part, Role};
use serde_json::{Map, Value};

use super::Fields;
use crate::refusal::Refusal;

pub(super) struct Conversation {
    pub(super) system: Option<Arc<str>>,
    pub(super) messages: Vec<Message>,
}

impl Conversation {
    /// The instructions that the conversation begins with are one here, with a blank line between them.
    pub(super) fn read(fields: &Fields) -> Result<Self, Refusal> {
        let said: Vec<Map<String, Value>> = fields
            .read("messages")?
            .ok_or_else(|| Refusal::invalid("messages", "there are no `messages`; write at least the user's"))?;
        let mut system: Vec<String> = Vec::new();
        let mut messages: Vec<Message> = Vec::new();
        for (number, message) in said.iter().enumerate() {
            let place = format!("messages[{number}]");
            let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
            match role {
                "system" | "developer" if messages.is_empty() => system.extend(texts(message, &place)?),
                "system" | "developer" => {
                    let text = format!(
                        "`{place}` is an instruction in the midst of the conversation, where this model has none; put it first"
                    );
                    return Err(Refusal::unsupported(format!("{place}.role"), text));
                }
                "user" => messages.push(turn(Role::User, message, &place)?),
                "assistant" => messages.push(turn(Role::Assistant, message, &place)?),
                "tool" | "function" => {
                    let text = format!("`{place}` is the answer of a tool, and this model calls none; leave it out");
                    return Err(Refusal::unsupported(format!("{place}.role"), text));
                }
                other => {
                    let text = format!(
                        "`{place}` has the role `{other}`; the roles are `system`, `developer`, `user` and `assistant`"
                    );
                    return Err(Refusal::invalid(format!("{place}.role"), text));
                }
            }
        }
        if messages.last().is_none_or(|last| last.role != Role::User) {
            return Err(Refusal::invalid(
                "messages",
                "the last of the `messages` is not the user's; end with theirs",
            ));
        }
        Ok(Self {
            system: (!system.is_empty()).then(|| system.join("\n\n").into()),
            messages,
        })
    }
}

fn turn(role: Role, message: &Map<String, Value>, place: &str) -> Result<Message, Refusal> {
    let calls = ["tool_calls", "function_call", "audio"];
    let is_set = |name: &&&str| message.get(**name).is_some_and(|value| !is_nothing(value));
    if let Some(name) = calls.iter().find(is_set) {
        let text = format!("`{place}.{name}` holds what this model cannot be shown; leave it out");
        return Err(Refusal::unsupported(format!("{place}.{name}"), text));
    }
    let parts = texts(message, place)?.into_iter().map(|text| Part::Text(text.into()));
    Ok(Message::of(role, parts.collect::<Vec<_>>()))
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// The content of a message, a text or a list of parts that are texts.
fn texts(message: &Map<String, Value>, place: &str) -> Result<Vec<String>, Refusal> {
    let parts = match message.get("content") {
        Some(Value::String(text)) => return Ok(vec![text.clone()]),
        Some(Value::Array(parts)) if !parts.is_empty() => parts,
        _ => {
            let text = format!("`{place}.content` is neither a text nor a list of parts; write what was said");
            return Err(Refusal::invalid(format!("{place}.content"), text));
        }
    };
    let mut texts = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
        let Some(text) = part.get("text").and_then(Value::as_str).filter(|_| kind == "text") else {
            let text =
                format!("`{place}.content[{number}]` is of the type `{kind}`; only parts of the type `text` are taken");
            return Err(Refusal::unsupported(format!("{place}.content[{number}].type"), text));
        };
        texts.push(text.to_owned());
    }
    Ok(texts)
}
