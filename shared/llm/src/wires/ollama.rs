//! Ollama's own chat.

use std::borrow::Cow;

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::encoded::Base64;
use super::openai::bearer;
use super::{Asked, Count, Dialect, Fault, Unsayable, versioned, written};
use crate::MediaKind;
use crate::remote::{Counted, End, Framing, Said};

pub(crate) struct Ollama;

impl Dialect for Ollama {
    fn takes(&self, kind: MediaKind) -> bool {
        kind == MediaKind::Image
    }

    fn endpoint(&self, base: &Url, _: &Asked<'_>) -> Url {
        versioned(base, "/api", "chat")
    }

    /// Only its cloud has keys.
    fn authorization(&self, key: &str) -> (&'static str, String) {
        bearer(key)
    }

    fn body(&self, asked: &Asked<'_>) -> Result<Vec<u8>, Unsayable> {
        let request = asked.request;
        let system = request.system.as_deref().map(|text| Turn {
            role: "system",
            content: text.into(),
            images: Vec::new(),
        });
        let turns = request.messages.iter().map(|message| Turn {
            role: message.role.as_str(),
            content: message.text(),
            images: message.media().map(|media| Base64(&media.bytes)).collect(),
        });
        written(&Body {
            model: asked.model,
            messages: system.into_iter().chain(turns).collect(),
            // The default is to stream.
            stream: asked.is_streamed,
            format: request.schema.as_deref(),
            options: Options {
                num_predict: request.max_tokens,
                temperature: request.temperature,
                top_p: request.top_p,
                stop: &request.stop,
                seed: request.seed,
            },
        })
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn whole(&self, body: &[u8], said: &mut Said) -> Result<(), Fault> {
        take(body, said)
    }

    fn event(&self, event: &[u8], said: &mut Said) -> Result<(), Fault> {
        take(event, said)
    }
}

fn take(body: &[u8], said: &mut Said) -> Result<(), Fault> {
    let answer: Answer = serde_json::from_slice(body)?;
    if answer.error.is_some() {
        return Err(Fault::complaint(body));
    }
    let Some(words) = answer.message else {
        return Err(Fault::Garbage("there is no message".to_owned()));
    };
    said.named(answer.model, None);
    said.text.push_str(&words.content);
    if answer.done {
        said.is_complete = true;
        said.counted = Counted {
            // Older versions leave it out when the whole prompt was in the cache.
            input: answer.prompt_eval_count.0,
            output: answer.eval_count.0,
            ..Counted::default()
        };
        said.end = Some(match answer.done_reason.as_deref() {
            Some("length") => End::Length,
            _ => End::Stop,
        });
    }
    Ok(())
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Turn<'a>>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'a Value>,
    options: Options<'a>,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'static str,
    content: Cow<'a, str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<Base64<'a>>,
}

#[derive(Serialize)]
struct Options<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    num_predict: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
}

#[derive(Deserialize)]
struct Answer {
    model: Option<String>,
    message: Option<Words>,
    #[serde(default)]
    done: bool,
    done_reason: Option<String>,
    #[serde(default)]
    prompt_eval_count: Count,
    #[serde(default)]
    eval_count: Count,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Words {
    #[serde(default)]
    content: String,
}
