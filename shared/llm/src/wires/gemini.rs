//! Gemini `generateContent`.

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::encoded::Base64;
use super::{Asked, Count, Dialect, Fault, Unsayable, schema, versioned, written};
use crate::remote::{Counted, End, Said};
use crate::{MediaKind, Message, Part, Role};

/// The service takes seeds of 32 bits with a sign.
const SEED_BITS: u64 = 0x7fff_ffff;

pub(crate) struct Gemini;

impl Dialect for Gemini {
    fn takes(&self, _: MediaKind) -> bool {
        true
    }

    fn endpoint(&self, base: &Url, asked: &Asked<'_>) -> Url {
        let mut url = versioned(base, "/v1beta", "models");
        let model = asked.model.strip_prefix("models/").unwrap_or(asked.model);
        let call = if asked.is_streamed {
            url.query_pairs_mut().append_pair("alt", "sse");
            "streamGenerateContent"
        } else {
            "generateContent"
        };
        // An address of HTTP has segments always.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(&format!("{model}:{call}"));
        }
        url
    }

    fn authorization(&self, key: &str) -> (&'static str, String) {
        ("x-goog-api-key", key.to_owned())
    }

    fn body(&self, asked: &Asked<'_>) -> Result<Vec<u8>, Unsayable> {
        let request = asked.request;
        let system = request.system.as_deref();
        written(&Body {
            contents: request.messages.iter().map(content).collect(),
            system_instruction: system.map(|text| Content {
                role: None,
                parts: vec![ContentPart::Text(text)],
            }),
            generation_config: GenerationConfig {
                max_output_tokens: request.max_tokens,
                temperature: request.temperature,
                top_p: request.top_p,
                stop_sequences: &request.stop,
                seed: request.seed.map(|seed| seed & SEED_BITS),
                response_mime_type: request.schema.as_ref().map(|_| "application/json"),
                response_json_schema: request.schema.as_deref().map(schema::for_gemini),
            },
        })
    }

    fn whole(&self, body: &[u8], said: &mut Said) -> Result<(), Fault> {
        take(body, said)?;
        if said.end.is_none() && said.text.is_empty() {
            return Err(Fault::Garbage("there are no candidates".to_owned()));
        }
        Ok(())
    }

    fn event(&self, event: &[u8], said: &mut Said) -> Result<(), Fault> {
        take(event, said)
    }
}

fn content(message: &Message) -> Content<'_> {
    let parts = message.parts.iter().map(|part| match part {
        Part::Text(text) => ContentPart::Text(text),
        Part::Media(media) => ContentPart::InlineData(Blob {
            mime_type: &media.mime,
            data: Base64(&media.bytes),
        }),
    });
    Content {
        role: Some(match message.role {
            Role::User => "user",
            Role::Assistant => "model",
        }),
        parts: parts.collect(),
    }
}

fn take(body: &[u8], said: &mut Said) -> Result<(), Fault> {
    let response: Response = serde_json::from_slice(body)?;
    if response.error.is_some() {
        return Err(Fault::complaint(body));
    }
    said.named(response.model_version, response.id);
    if let Some(tokens) = response.usage_metadata {
        // Every event of a stream tells the sums so far.
        said.counted = tokens.counted();
    }
    if let Some(reason) = response.prompt_feedback.and_then(|feedback| feedback.block_reason) {
        said.end = Some(End::Declined(format!("the prompt was blocked (`{reason}`)")));
    }
    let Some(candidate) = response.candidates.into_iter().next() else {
        return Ok(());
    };
    let pieces = candidate.content.into_iter().flat_map(|content| content.parts);
    for piece in pieces.filter(|piece| !piece.thought) {
        said.text.push_str(piece.text.as_deref().unwrap_or_default());
    }
    if let Some(reason) = candidate.finish_reason {
        let details = candidate.finish_message.map(|message| format!(": {message}"));
        let details = details.unwrap_or_default();
        said.end = Some(match reason.as_str() {
            "STOP" | "FINISH_REASON_UNSPECIFIED" => End::Stop,
            "MAX_TOKENS" => End::Length,
            "SAFETY"
            | "RECITATION"
            | "LANGUAGE"
            | "BLOCKLIST"
            | "PROHIBITED_CONTENT"
            | "SPII"
            | "IMAGE_SAFETY"
            | "IMAGE_PROHIBITED_CONTENT"
            | "IMAGE_RECITATION" => End::Declined(format!("the answer was stopped (`{reason}`){details}")),
            _ => End::Unusable(format!("it ended with `{reason}`{details}")),
        });
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    generation_config: GenerationConfig<'a>,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: Vec<ContentPart<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum ContentPart<'a> {
    Text(&'a str),
    InlineData(Blob<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Blob<'a> {
    mime_type: &'a str,
    data: Base64<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    #[serde(default)]
    candidates: Vec<Candidate>,
    prompt_feedback: Option<PromptFeedback>,
    usage_metadata: Option<Counts>,
    model_version: Option<String>,
    #[serde(rename = "responseId")]
    id: Option<String>,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Pieces>,
    finish_reason: Option<String>,
    finish_message: Option<String>,
}

#[derive(Deserialize)]
struct Pieces {
    #[serde(default)]
    parts: Vec<Piece>,
}

#[derive(Deserialize)]
struct Piece {
    text: Option<String>,
    #[serde(default)]
    thought: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Counts {
    #[serde(rename = "promptTokenCount")]
    prompt: Count,
    #[serde(rename = "candidatesTokenCount")]
    candidates: Count,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts: Count,
    #[serde(rename = "cachedContentTokenCount")]
    cached_content: Count,
}

impl Counts {
    /// Its output does not count thoughts. Zero counts are left out on the wire, so of the output only a missing prompt
    /// count says that nothing was told.
    fn counted(self) -> Counted {
        let reasoning = self.thoughts.or_zero();
        Counted {
            input: self.prompt.0,
            output: self
                .prompt
                .0
                .map(|_| self.candidates.or_zero().saturating_add(reasoning)),
            cached_input: self.cached_content.or_zero(),
            cache_write: 0,
            reasoning,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Request, Timeouts};

    fn endpoint(base: &str, model: &str, is_streamed: bool) -> String {
        let request = Request::of([], Timeouts::within(Duration::from_secs(1)));
        let asked = Asked {
            request: &request,
            model,
            is_streamed,
        };
        let base = Url::parse(base).unwrap_or_else(|error| panic!("{base}: {error}"));
        Gemini.endpoint(&base, &asked).to_string()
    }

    #[test]
    fn the_model_stands_in_the_path_and_cannot_leave_its_segment() {
        assert_eq!(
            endpoint("http://host", "gemini-3-pro", false),
            "http://host/v1beta/models/gemini-3-pro:generateContent"
        );
        assert_eq!(
            endpoint("http://host/v1beta/", "models/gemini-3-pro", true),
            "http://host/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse"
        );
        assert_eq!(
            endpoint("http://host/proxy", "../a/b?c", false),
            "http://host/proxy/v1beta/models/..%2Fa%2Fb%3Fc:generateContent"
        );
    }
}
