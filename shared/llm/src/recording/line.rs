//! One line of a recording.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ErrorClass, Finish, LlmError, MediaKind, Part, Reply, Request, Role, Usage};

/// A request and what came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Line {
    /// [`Request::prompt_hash`].
    pub(super) hash: String,
    /// What asked, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) step: Option<String>,
    pub(super) provider: String,
    /// The name that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    pub(super) request: Asked,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
}

/// What was asked, for people and for finding out in what it differs from another request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) system: Option<String>,
    pub(super) messages: Vec<Said>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) schema: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<f32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) stop: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<u64>,
}

/// One turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) role: Role,
    pub(super) parts: Vec<Shown>,
}

/// One part of a turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shown {
    Text(String),
    /// A file without its bytes.
    Media {
        kind: MediaKind,
        mime: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filename: Option<String>,
        bytes: usize,
        sha256: String,
    },
}

/// What came of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Reply(Answer),
    Error(Failure),
}

/// An answer, without what only counted on that day.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Answer {
    model: String,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    usage: Usage,
    finish: Finish,
}

/// A failed call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Failure {
    class: ErrorClass,
    detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    /// The text of an answer that was of no use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl From<&Request> for Asked {
    fn from(request: &Request) -> Self {
        let messages = request.messages.iter().map(|message| Said {
            role: message.role,
            parts: message.parts.iter().map(Shown::from).collect(),
        });
        Self {
            system: request.system.as_deref().map(str::to_owned),
            messages: messages.collect(),
            schema: request.schema.as_deref().cloned(),
            max_tokens: request.max_tokens,
            temperature: request.temperature,
            top_p: request.top_p,
            stop: request.stop.clone(),
            seed: request.seed,
        }
    }
}

impl From<&Part> for Shown {
    fn from(part: &Part) -> Self {
        match part {
            Part::Text(text) => Self::Text(text.to_string()),
            Part::Media(media) => Self::Media {
                kind: media.kind,
                mime: media.mime.clone(),
                filename: media.filename.clone(),
                bytes: media.bytes.len(),
                sha256: media.sha256(),
            },
        }
    }
}

impl Outcome {
    pub(super) fn of(result: &Result<Reply, LlmError>) -> Self {
        match result {
            Ok(reply) => Self::Reply(Answer {
                model: reply.model.clone(),
                text: reply.text.clone(),
                json: reply.json.clone(),
                usage: reply.usage,
                finish: reply.finish,
            }),
            Err(error) => Self::Error(Failure {
                class: error.class,
                detail: error.detail.clone(),
                model: error.model.clone(),
                status: error.status,
                retry_after_seconds: error.retry_after.map(|wait| wait.as_secs()),
                usage: error.usage,
                text: error.answer.clone(),
            }),
        }
    }

    /// The same outcome again. A failure is that of `provider`.
    pub(super) fn again(self, provider: &str) -> Result<Reply, LlmError> {
        match self {
            Self::Reply(answer) => Ok(Reply {
                text: answer.text,
                json: answer.json,
                usage: answer.usage,
                finish: answer.finish,
                model: answer.model,
                request_id: None,
                remaining: None,
            }),
            Self::Error(failure) => {
                let mut error = LlmError::new(failure.class, provider, failure.detail);
                error.model = failure.model;
                error.status = failure.status;
                error.retry_after = failure.retry_after_seconds.map(Duration::from_secs);
                error.usage = failure.usage;
                error.answer = failure.text;
                Err(error)
            }
        }
    }
}
