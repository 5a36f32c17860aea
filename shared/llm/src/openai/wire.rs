//! The JSON of the protocol, as far as we use it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Request, Role};

/// The service demands a name for every schema and shows it to the model.
const SCHEMA_NAME: &str = "reply";

#[derive(Serialize)]
pub(super) struct Body<'a> {
    model: &'a str,
    messages: Vec<Turn<'a>>,
    stream: bool,
    /// Deprecated at `OpenAI` in favour of `max_completion_tokens`, and the only one that most compatible services know.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'static str,
    content: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(tag = "type", content = "json_schema", rename_all = "snake_case")]
enum ResponseFormat<'a> {
    JsonSchema {
        name: &'static str,
        schema: &'a Value,
        strict: bool,
    },
}

pub(super) fn body<'a>(request: &'a Request, model: &'a str) -> Body<'a> {
    let system = request.system.iter().map(|content| Turn {
        role: "system",
        content: Cow::Borrowed(content),
    });
    let turns = request.messages.iter().map(|message| Turn {
        role: match message.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        },
        content: Cow::Owned(message.text()),
    });
    Body {
        model,
        messages: system.chain(turns).collect(),
        stream: false,
        max_tokens: request.max_tokens,
        temperature: request.temperature,
        seed: request.seed,
        response_format: request.schema.as_ref().map(|schema| ResponseFormat::JsonSchema {
            name: SCHEMA_NAME,
            schema,
            strict: true,
        }),
    }
}

#[derive(Deserialize)]
pub(super) struct Completion {
    #[serde(default)]
    pub(super) choices: Vec<Choice>,
    pub(super) usage: Option<Tokens>,
    pub(super) model: Option<String>,
    pub(super) error: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    pub(super) message: Option<Said>,
    pub(super) finish_reason: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Said {
    pub(super) content: Option<String>,
    pub(super) refusal: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Tokens {
    #[serde(default)]
    pub(super) prompt_tokens: u64,
    #[serde(default)]
    pub(super) completion_tokens: u64,
}
