//! `OpenAI` responses.

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::encoded::DataUrl;
use super::openai::{DOCUMENT_NAME, InputDetails, NamedSchema, OutputDetails, bearer};
use super::turn::Turn;
use super::{Asked, Count, Dialect, Fault, Unsayable, under, written};
use crate::remote::{Counted, End, Said};
use crate::{Media, MediaKind, Part};

pub(crate) struct OpenAiResponses;

impl Dialect for OpenAiResponses {
    fn takes(&self, kind: MediaKind) -> bool {
        matches!(kind, MediaKind::Image | MediaKind::Document)
    }

    fn endpoint(&self, base: &Url, _: &Asked<'_>) -> Url {
        under(base, "/v1", "responses")
    }

    fn authorization(&self, key: &str) -> (&'static str, String) {
        bearer(key)
    }

    fn body(&self, asked: &Asked<'_>) -> Result<Vec<u8>, Unsayable> {
        let request = asked.request;
        if !request.stop.is_empty() {
            return Err(Unsayable(
                "the wire format `openai_responses` knows no stop texts; leave `stop` out or use the wire format `openai`"
                    .to_owned(),
            ));
        }
        let turns = request
            .messages
            .iter()
            .map(|message| Turn::of(message, |written| Ok(part(written))));
        written(&Body {
            model: asked.model,
            instructions: request.system.as_deref(),
            input: turns.collect::<Result<_, _>>()?,
            stream: asked.is_streamed,
            // The service would keep the conversation otherwise.
            store: false,
            max_output_tokens: request.max_tokens,
            temperature: request.temperature,
            top_p: request.top_p,
            text: request.schema.as_deref().map(|schema| Text {
                format: Format::JsonSchema(NamedSchema::of(schema)),
            }),
        })
    }

    fn whole(&self, body: &[u8], said: &mut Said) -> Result<(), Fault> {
        let response: Response = serde_json::from_slice(body)?;
        if response.status.is_none() && response.output.is_empty() {
            let is_complaint = response.error.is_some() || response.kind.as_deref() == Some("error");
            return Err(if is_complaint {
                Fault::complaint(body)
            } else {
                Fault::Garbage("there is no status and no output".to_owned())
            });
        }
        take(response, said)
    }

    fn event(&self, event: &[u8], said: &mut Said) -> Result<(), Fault> {
        let heard: Event = serde_json::from_slice(event)?;
        match heard.kind.as_str() {
            "response.output_text.delta" => said.text.push_str(&heard.delta.unwrap_or_default()),
            "response.refusal.delta" => said.refusal.push_str(&heard.delta.unwrap_or_default()),
            "response.created" => {
                if let Some(response) = heard.response {
                    said.named(response.model, response.id);
                }
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                let Some(response) = heard.response else {
                    return Err(Fault::Garbage("the last event holds no response".to_owned()));
                };
                said.is_complete = true;
                take(response, said)?;
            }
            "error" => return Err(Fault::complaint(event)),
            // Items and parts that begin and end, and reasoning.
            _ => {}
        }
        Ok(())
    }
}

fn part(part: &Part) -> ContentPart<'_> {
    match part {
        Part::Text(text) => ContentPart::Text { text },
        Part::Media(media) => shown(media),
    }
}

fn shown(media: &Media) -> ContentPart<'_> {
    if media.kind == MediaKind::Image {
        ContentPart::Image {
            image_url: DataUrl(media),
        }
    } else {
        ContentPart::File {
            filename: media.filename.as_deref().unwrap_or(DOCUMENT_NAME),
            file_data: DataUrl(media),
        }
    }
}

/// What a response says at its end. The words of a streamed one have been heard already.
fn take(response: Response, said: &mut Said) -> Result<(), Fault> {
    said.named(response.model, response.id);
    if let Some(tokens) = response.usage {
        said.counted = tokens.counted();
    }
    if said.text.is_empty() && said.refusal.is_empty() {
        for part in response.output.into_iter().flat_map(|item| item.content) {
            said.text.push_str(
                part.text
                    .as_deref()
                    .filter(|_| part.kind == "output_text")
                    .unwrap_or_default(),
            );
            said.refusal.push_str(part.refusal.as_deref().unwrap_or_default());
        }
    }
    let reason = response.incomplete_details.and_then(|details| details.reason);
    said.end = Some(match (response.status.as_deref(), reason.as_deref()) {
        (Some("failed"), _) => return Err(Fault::Complaint(response.error.unwrap_or_default())),
        (Some("incomplete"), Some("content_filter")) => {
            End::Declined("the provider's content filter stopped the answer".to_owned())
        }
        (Some("incomplete"), _) => End::Length,
        (Some("completed") | None, _) => End::Stop,
        (Some(other), _) => End::Unusable(format!("its status is `{other}`")),
    });
    Ok(())
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
    input: Vec<Turn<'a, ContentPart<'a>>>,
    stream: bool,
    store: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum ContentPart<'a> {
    #[serde(rename = "input_text")]
    Text { text: &'a str },
    #[serde(rename = "input_image")]
    Image { image_url: DataUrl<'a> },
    #[serde(rename = "input_file")]
    File { filename: &'a str, file_data: DataUrl<'a> },
}

#[derive(Serialize)]
struct Text<'a> {
    format: Format<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format<'a> {
    JsonSchema(NamedSchema<'a>),
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    delta: Option<String>,
    response: Option<Response>,
}

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
    model: Option<String>,
    status: Option<String>,
    #[serde(default)]
    output: Vec<Item>,
    incomplete_details: Option<IncompleteDetails>,
    error: Option<Value>,
    usage: Option<Counts>,
}

/// A message, or a piece of reasoning, which has no content.
#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    content: Vec<Piece>,
}

#[derive(Deserialize)]
struct Piece {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct IncompleteDetails {
    reason: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Counts {
    input_tokens: Count,
    output_tokens: Count,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
}

impl Counts {
    fn counted(self) -> Counted {
        let input = self.input_tokens_details.unwrap_or_default();
        Counted {
            input: self.input_tokens.0,
            output: self.output_tokens.0,
            cached_input: input.cached_tokens.or_zero(),
            cache_write: input.cache_write_tokens.or_zero(),
            reasoning: self
                .output_tokens_details
                .unwrap_or_default()
                .reasoning_tokens
                .or_zero(),
        }
    }
}
