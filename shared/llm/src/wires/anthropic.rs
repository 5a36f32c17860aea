//! Anthropic messages.

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::encoded::Base64;
use super::turn::Turn;
use super::{Asked, Count, Dialect, Fault, Unsayable, schema, versioned, written};
use crate::remote::{Counted, End, Said};
use crate::{Media, MediaKind, Part};

/// The service demands a limit.
const DEFAULT_MAX_TOKENS: u32 = 4096;

/// The pictures that it takes.
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

pub(crate) struct Anthropic;

impl Dialect for Anthropic {
    fn takes(&self, kind: MediaKind) -> bool {
        matches!(kind, MediaKind::Image | MediaKind::Document)
    }

    fn endpoint(&self, base: &Url, _: &Asked<'_>) -> Url {
        versioned(base, "/v1", "messages")
    }

    fn authorization(&self, key: &str) -> (&'static str, String) {
        ("x-api-key", key.to_owned())
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("anthropic-version", "2023-06-01")]
    }

    fn body(&self, asked: &Asked<'_>) -> Result<Vec<u8>, Unsayable> {
        let request = asked.request;
        let turns = request.messages.iter().map(|message| Turn::of(message, block));
        written(&Body {
            model: asked.model,
            max_tokens: request.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS),
            system: request.system.as_deref(),
            messages: turns.collect::<Result<_, _>>()?,
            stream: asked.is_streamed,
            // Its scale ends at 1.
            temperature: request.temperature.map(|temperature| temperature.min(1.0)),
            top_p: request.top_p,
            stop_sequences: &request.stop,
            output_config: request.schema.as_deref().map(|schema| OutputConfig {
                format: Format::JsonSchema {
                    schema: schema::for_anthropic(schema),
                },
            }),
        })
    }

    fn whole(&self, body: &[u8], said: &mut Said) -> Result<(), Fault> {
        let answer: Answer = serde_json::from_slice(body)?;
        match (&answer.kind, &answer.content) {
            (Some(kind), _) if kind == "error" => return Err(Fault::complaint(body)),
            (_, None) => return Err(Fault::Garbage("there is no content".to_owned())),
            _ => {}
        }
        take(answer, said);
        Ok(())
    }

    fn event(&self, event: &[u8], said: &mut Said) -> Result<(), Fault> {
        let heard: Event = serde_json::from_slice(event)?;
        match heard.kind.as_str() {
            "message_start" => {
                if let Some(message) = heard.message {
                    take(message, said);
                }
            }
            "content_block_start" => {
                // A block may begin with words.
                said.text
                    .push_str(&heard.content_block.and_then(Block::text).unwrap_or_default());
            }
            "content_block_delta" => {
                said.text
                    .push_str(&heard.delta.and_then(Delta::text).unwrap_or_default());
            }
            "message_delta" => {
                if let Some(tokens) = heard.usage {
                    tokens.add_to(&mut said.counted);
                }
                if let Some(delta) = heard.delta {
                    end(delta.stop_reason.as_deref(), delta.stop_details, said);
                }
            }
            "message_stop" => said.is_complete = true,
            "error" => return Err(Fault::complaint(event)),
            // Pings, and the ends of blocks.
            _ => {}
        }
        Ok(())
    }
}

fn block(part: &Part) -> Result<ContentBlock<'_>, Unsayable> {
    match part {
        Part::Text(text) => Ok(ContentBlock::Text { text }),
        Part::Media(media) => shown(media),
    }
}

fn shown(media: &Media) -> Result<ContentBlock<'_>, Unsayable> {
    let mime = media.mime.as_str();
    let encoded = || Source::Base64 {
        media_type: mime,
        data: Base64(&media.bytes),
    };
    let title = media.filename.as_deref();
    match media.kind {
        MediaKind::Image if IMAGES.contains(&mime) => Ok(ContentBlock::Image { source: encoded() }),
        MediaKind::Document if mime == "application/pdf" => Ok(ContentBlock::Document {
            source: encoded(),
            title,
        }),
        MediaKind::Document if mime.starts_with("text/") => match std::str::from_utf8(&media.bytes) {
            Ok(data) => Ok(ContentBlock::Document {
                source: Source::Text {
                    media_type: "text/plain",
                    data,
                },
                title,
            }),
            Err(_) => Err(Unsayable(format!(
                "the document of type `{mime}` is not UTF-8; convert the file"
            ))),
        },
        kind => Err(Unsayable(format!(
            "it takes pictures as JPEG, PNG, GIF and WebP and documents as PDF and text, and no {kind} of type `{mime}`; \
             convert the file"
        ))),
    }
}

fn take(answer: Answer, said: &mut Said) {
    said.named(answer.model, answer.id);
    for text in answer.content.into_iter().flatten().filter_map(Block::text) {
        said.text.push_str(&text);
    }
    if let Some(tokens) = answer.usage {
        tokens.add_to(&mut said.counted);
    }
    end(answer.stop_reason.as_deref(), answer.stop_details, said);
}

fn end(reason: Option<&str>, details: Option<StopDetails>, said: &mut Said) {
    let Some(reason) = reason else {
        return;
    };
    said.end = Some(match reason {
        "max_tokens" | "model_context_window_exceeded" => End::Length,
        "refusal" => {
            let explained = details.and_then(|details| details.explanation.or(details.category));
            End::Declined(explained.unwrap_or_else(|| "it refused without a reason".to_owned()))
        }
        "tool_use" | "pause_turn" => {
            End::Unusable(format!("it wants to use a tool (`{reason}`), and none was offered"))
        }
        _ => End::Stop,
    });
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<&'a str>,
    messages: Vec<Turn<'a, ContentBlock<'a>>>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ContentBlock<'a> {
    Text {
        text: &'a str,
    },
    Image {
        source: Source<'a>,
    },
    Document {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Source<'a> {
    Base64 { media_type: &'a str, data: Base64<'a> },
    Text { media_type: &'static str, data: &'a str },
}

#[derive(Serialize)]
struct OutputConfig {
    format: Format,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format {
    JsonSchema { schema: Value },
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
    model: Option<String>,
    content: Option<Vec<Block>>,
    stop_reason: Option<String>,
    stop_details: Option<StopDetails>,
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    message: Option<Answer>,
    content_block: Option<Block>,
    delta: Option<Delta>,
    usage: Option<Counts>,
}

/// Words, thoughts, or a call of a tool.
#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

impl Block {
    fn text(self) -> Option<String> {
        self.text.filter(|_| self.kind == "text")
    }
}

#[derive(Deserialize)]
struct Delta {
    /// Only those of blocks have one.
    #[serde(rename = "type")]
    kind: Option<String>,
    text: Option<String>,
    stop_reason: Option<String>,
    stop_details: Option<StopDetails>,
}

impl Delta {
    fn text(self) -> Option<String> {
        self.text.filter(|_| self.kind.as_deref() == Some("text_delta"))
    }
}

#[derive(Deserialize)]
struct StopDetails {
    category: Option<String>,
    explanation: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Counts {
    input_tokens: Count,
    output_tokens: Count,
    cache_creation_input_tokens: Count,
    cache_read_input_tokens: Count,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Count,
}

impl Counts {
    /// The numbers of a stream grow from event to event, and each event tells some of them. Its input does not count what
    /// comes from the cache or goes there.
    fn add_to(self, counted: &mut Counted) {
        if let Some(fresh) = self.input_tokens.0 {
            counted.cached_input = self.cache_read_input_tokens.0.unwrap_or(counted.cached_input);
            counted.cache_write = self.cache_creation_input_tokens.0.unwrap_or(counted.cache_write);
            let cached = counted.cached_input.saturating_add(counted.cache_write);
            counted.input = Some(fresh.saturating_add(cached));
        }
        counted.output = self.output_tokens.0.or(counted.output);
        let thinking = self.output_tokens_details.unwrap_or_default().thinking_tokens.0;
        counted.reasoning = thinking.unwrap_or(counted.reasoning);
    }
}
