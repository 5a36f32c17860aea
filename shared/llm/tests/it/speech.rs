//! How each service speaks: what it answers, whole and in pieces, and how it complains.

pub(crate) mod anthropic;
pub(crate) mod gemini;
pub(crate) mod ollama;
pub(crate) mod openai;
pub(crate) mod openai_responses;

use std::sync::Arc;
use std::time::Duration;

use botticelli_llm::{ErrorClass, LanguageModel, ProviderOptions, Usage, Wire, open};
use serde_json::Value;

use crate::stub::{Act, Close, Stub, response, streamed};

/// The key of every client.
pub(crate) const KEY: &str = "sk-test-0123456789";

/// The model of every client, and the name under which the services answer.
pub(crate) const MODEL: &str = "small";
pub(crate) const ANSWERING: &str = "small-2026-01-01";

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum End {
    Stop,
    Length,
    /// Only where [`Speech::declines`].
    Declined,
}

/// One service's way to speak.
pub(crate) struct Speech {
    pub(crate) wire: Wire,
    /// A whole answer.
    pub(crate) answer: fn(&str, End) -> Value,
    /// The same as events, without the last one of `OpenAI`, which is no JSON.
    pub(crate) events: fn(&[&str], End) -> Vec<Value>,
    pub(crate) terminator: Option<&'static str>,
    /// What every answer costs.
    pub(crate) usage: Usage,
    /// The fields in which it stands.
    pub(crate) usage_fields: &'static [&'static str],
    pub(crate) declines: bool,
    /// A complaint in the service's shape.
    pub(crate) complaint: fn(u16, &str) -> Value,
    /// The complaints that only this service has.
    pub(crate) failures: fn() -> Vec<Failure>,
    /// An event that says that the service has too much to do.
    pub(crate) overload: fn() -> Value,
}

/// A response that is no answer, and what it has to be understood as.
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: Value,
    pub(crate) class: ErrorClass,
    pub(crate) retry_after: Option<Duration>,
}

pub(crate) fn all() -> [Speech; 5] {
    [
        openai::speech(),
        openai_responses::speech(),
        anthropic::speech(),
        gemini::speech(),
        ollama::speech(),
    ]
}

impl Failure {
    pub(crate) fn new(status: u16, body: Value, class: ErrorClass) -> Self {
        Self {
            status,
            headers: &[],
            body,
            class,
            retry_after: None,
        }
    }
}

impl Speech {
    pub(crate) fn is_in_lines(&self) -> bool {
        self.wire == Wire::Ollama
    }

    pub(crate) fn stream_type(&self) -> &'static str {
        if self.is_in_lines() {
            "application/x-ndjson"
        } else {
            "text/event-stream"
        }
    }

    /// The bytes of one event.
    pub(crate) fn frame(&self, event: &Value) -> String {
        match (&event["type"], self.is_in_lines()) {
            (_, true) => format!("{event}\n"),
            (Value::String(name), false) => format!("event: {name}\ndata: {event}\n\n"),
            (_, false) => format!("data: {event}\n\n"),
        }
    }

    /// The bytes of a whole stream, one text per event.
    pub(crate) fn frames(&self, pieces: &[&str], end: End) -> Vec<String> {
        let events = (self.events)(pieces, end);
        let last = self.terminator.map(|terminator| format!("data: {terminator}\n\n"));
        events.iter().map(|event| self.frame(event)).chain(last).collect()
    }

    /// A stream of `frames` that ends as `close` says.
    pub(crate) fn streamed(&self, frames: &[String], close: Close) -> Vec<Act> {
        let frames: Vec<&[u8]> = frames.iter().map(String::as_bytes).collect();
        streamed(self.stream_type(), &frames, close)
    }

    /// A service that answers `text`.
    pub(crate) async fn answering(&self, text: &str, end: End) -> Stub {
        Stub::saying(200, (self.answer)(text, end).to_string()).await
    }

    /// A service that streams `pieces`.
    pub(crate) async fn streaming(&self, pieces: &[&str], end: End) -> Stub {
        Stub::playing(self.streamed(&self.frames(pieces, end), Close::Clean)).await
    }

    /// A service that fails.
    pub(crate) async fn failing(failure: &Failure) -> Stub {
        let headers = [failure.headers, &[("content-type", "application/json")]].concat();
        Stub::playing(response(failure.status, &headers, failure.body.to_string().as_bytes())).await
    }

    pub(crate) fn options(&self, base_url: impl Into<String>) -> ProviderOptions {
        ProviderOptions {
            base_url: Some(base_url.into()),
            api_key: Some(KEY.into()),
            ..ProviderOptions::new("far", self.wire, MODEL)
        }
    }

    pub(crate) fn client(&self, base_url: impl Into<String>) -> Arc<dyn LanguageModel> {
        open(self.options(base_url)).unwrap()
    }

    /// `value` without what it says about the cost, at any depth.
    pub(crate) fn without_usage(&self, mut value: Value) -> Value {
        fn strip(value: &mut Value, fields: &[&str]) {
            match value {
                Value::Object(object) => {
                    object.retain(|name, _| !fields.contains(&name.as_str()));
                    object.values_mut().for_each(|value| strip(value, fields));
                }
                Value::Array(items) => items.iter_mut().for_each(|value| strip(value, fields)),
                _ => {}
            }
        }
        strip(&mut value, self.usage_fields);
        value
    }
}
