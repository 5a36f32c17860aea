//! `OpenAI` chat completions, and every service that speaks them.

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::encoded::{Base64, DataUrl, audio_format};
use super::turn::Turn;
use super::{Asked, Count, Dialect, Fault, SCHEMA_NAME, Unsayable, schema, under, written};
use crate::remote::{Counted, End, Said};
use crate::{MaxTokensField, Media, MediaKind, Part};

/// What a document is called that has no name: the service demands one.
pub(super) const DOCUMENT_NAME: &str = "document";

pub(crate) struct OpenAi {
    pub(crate) max_tokens_field: MaxTokensField,
}

impl Dialect for OpenAi {
    fn takes(&self, kind: MediaKind) -> bool {
        kind != MediaKind::Video
    }

    fn endpoint(&self, base: &Url, _: &Asked<'_>) -> Url {
        under(base, "/v1", "chat/completions")
    }

    fn authorization(&self, key: &str) -> (&'static str, String) {
        bearer(key)
    }

    fn body(&self, asked: &Asked<'_>) -> Result<Vec<u8>, Unsayable> {
        let request = asked.request;
        let system = request.system.as_deref().map(|text| Ok(Turn::system(text)));
        let turns = request.messages.iter().map(|message| Turn::of(message, part));
        let limit = |field| request.max_tokens.filter(|_| self.max_tokens_field == field);
        written(&Body {
            model: asked.model,
            messages: system.into_iter().chain(turns).collect::<Result<_, _>>()?,
            stream: asked.is_streamed,
            // Without it, a streamed answer does not tell what it cost.
            stream_options: asked.is_streamed.then_some(StreamOptions { include_usage: true }),
            max_tokens: limit(MaxTokensField::Plain),
            max_completion_tokens: limit(MaxTokensField::Completion),
            temperature: request.temperature,
            top_p: request.top_p,
            stop: &request.stop,
            seed: request.seed,
            response_format: request
                .schema
                .as_deref()
                .map(|schema| ResponseFormat::JsonSchema(NamedSchema::of(schema))),
        })
    }

    fn whole(&self, body: &[u8], said: &mut Said) -> Result<(), Fault> {
        let completion: Completion = serde_json::from_slice(body)?;
        if completion.choices.is_empty() {
            return Err(match completion.error {
                Some(_) => Fault::complaint(body),
                None => Fault::Garbage("there are no choices".to_owned()),
            });
        }
        take(completion, said)
    }

    fn event(&self, event: &[u8], said: &mut Said) -> Result<(), Fault> {
        if event.trim_ascii() == b"[DONE]" {
            said.is_complete = true;
            return Ok(());
        }
        let completion: Completion = serde_json::from_slice(event)?;
        if completion.error.is_some() {
            return Err(Fault::complaint(event));
        }
        take(completion, said)
    }
}

/// The header of everybody who took it over from `OpenAI`.
pub(super) fn bearer(key: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {key}"))
}

fn part(part: &Part) -> Result<ContentPart<'_>, Unsayable> {
    match part {
        Part::Text(text) => Ok(ContentPart::Text { text }),
        Part::Media(media) => shown(media),
    }
}

fn shown(media: &Media) -> Result<ContentPart<'_>, Unsayable> {
    match media.kind {
        MediaKind::Image => Ok(ContentPart::ImageUrl {
            image_url: ImageUrl { url: DataUrl(media) },
        }),
        MediaKind::Audio => match audio_format(&media.mime) {
            Some(format) => Ok(ContentPart::InputAudio {
                input_audio: InputAudio {
                    data: Base64(&media.bytes),
                    format,
                },
            }),
            None => Err(Unsayable(format!(
                "it takes audio as WAV and MP3 and not as `{}`; convert the file",
                media.mime
            ))),
        },
        MediaKind::Document | MediaKind::Video => Ok(ContentPart::File {
            file: File {
                filename: media.filename.as_deref().unwrap_or(DOCUMENT_NAME),
                file_data: DataUrl(media),
            },
        }),
    }
}

fn take(completion: Completion, said: &mut Said) -> Result<(), Fault> {
    said.named(completion.model, completion.id);
    if let Some(tokens) = completion.usage {
        said.counted = tokens.counted();
    }
    let Some(choice) = completion.choices.into_iter().next() else {
        return Ok(());
    };
    if let Some(words) = choice.message.or(choice.delta) {
        match words.content {
            Some(Value::String(text)) => said.text.push_str(&text),
            // Mistral answers in parts, of which some are thoughts.
            Some(Value::Array(parts)) => parts
                .iter()
                .filter_map(|part| part.get("text")?.as_str())
                .for_each(|text| said.text.push_str(text)),
            Some(Value::Null) | None => {}
            Some(_) => return Err(Fault::Garbage("the content is not a text".to_owned())),
        }
        said.refusal.push_str(words.refusal.as_deref().unwrap_or_default());
    }
    if let Some(reason) = choice.finish_reason {
        said.end = Some(match reason.as_str() {
            "length" => End::Length,
            "content_filter" => End::Declined("the provider's content filter stopped the answer".to_owned()),
            "tool_calls" | "function_call" => {
                End::Unusable(format!("it wants to call a tool (`{reason}`), and none was offered"))
            }
            // OpenRouter.
            "error" => End::Unusable("the service behind the provider failed in the middle of it".to_owned()),
            // Compatible services have names of their own for a regular end.
            _ => End::Stop,
        });
    }
    Ok(())
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Turn<'a, ContentPart<'a>>>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ContentPart<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: ImageUrl<'a> },
    InputAudio { input_audio: InputAudio<'a> },
    File { file: File<'a> },
}

#[derive(Serialize)]
struct ImageUrl<'a> {
    url: DataUrl<'a>,
}

#[derive(Serialize)]
struct InputAudio<'a> {
    data: Base64<'a>,
    format: &'static str,
}

#[derive(Serialize)]
struct File<'a> {
    filename: &'a str,
    file_data: DataUrl<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", content = "json_schema", rename_all = "snake_case")]
enum ResponseFormat<'a> {
    JsonSchema(NamedSchema<'a>),
}

/// A schema as the service wants it in both of its formats.
#[derive(Serialize)]
pub(super) struct NamedSchema<'a> {
    name: &'static str,
    schema: &'a Value,
    strict: bool,
}

impl<'a> NamedSchema<'a> {
    pub(super) fn of(schema: &'a Value) -> Self {
        Self {
            name: SCHEMA_NAME,
            schema,
            strict: schema::is_strict(schema),
        }
    }
}

/// A completion, or a chunk of one: they differ in what a choice holds.
#[derive(Deserialize)]
struct Completion {
    id: Option<String>,
    model: Option<String>,
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Counts>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    message: Option<Words>,
    delta: Option<Words>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Words {
    content: Option<Value>,
    refusal: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Counts {
    prompt_tokens: Count,
    completion_tokens: Count,
    total_tokens: Count,
    prompt_tokens_details: Option<InputDetails>,
    completion_tokens_details: Option<OutputDetails>,
    /// `DeepSeek`'s name for it.
    prompt_cache_hit_tokens: Count,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct InputDetails {
    pub(super) cached_tokens: Count,
    pub(super) cache_write_tokens: Count,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct OutputDetails {
    pub(super) reasoning_tokens: Count,
}

impl Counts {
    fn counted(self) -> Counted {
        let prompt = self.prompt_tokens_details.unwrap_or_default();
        let completion = self.completion_tokens_details.unwrap_or_default();
        let reasoning = completion.reasoning_tokens.or_zero();
        let (input, output) = (self.prompt_tokens.0, self.completion_tokens.0);
        // xAI counts its reasoning beside the answer and not in it; the total tells.
        let parts = input.zip(output).map(|(input, output)| input.saturating_add(output));
        let with_reasoning = parts.map(|sum| sum.saturating_add(reasoning));
        let beside = if self.total_tokens.0.is_some() && self.total_tokens.0 == with_reasoning {
            reasoning
        } else {
            0
        };
        Counted {
            input,
            output: output.map(|output| output.saturating_add(beside)),
            cached_input: prompt.cached_tokens.0.unwrap_or(self.prompt_cache_hit_tokens.or_zero()),
            cache_write: prompt.cache_write_tokens.or_zero(),
            reasoning,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(usage: &str) -> Counted {
        let mut said = Said::default();
        let body = format!(r#"{{"choices": [{{"message": {{"content": "x"}}}}], "usage": {usage}}}"#);
        let dialect = OpenAi {
            max_tokens_field: MaxTokensField::Plain,
        };
        assert!(dialect.whole(body.as_bytes(), &mut said).is_ok(), "{usage}");
        said.counted
    }

    #[test]
    fn reasoning_is_part_of_the_output_whoever_counts() {
        let inside = counted(
            r#"{"prompt_tokens": 9, "completion_tokens": 30, "total_tokens": 39,
                "completion_tokens_details": {"reasoning_tokens": 20}}"#,
        );
        assert_eq!((inside.output, inside.reasoning), (Some(30), 20));
        let beside = counted(
            r#"{"prompt_tokens": 9, "completion_tokens": 10, "total_tokens": 39,
                "completion_tokens_details": {"reasoning_tokens": 20}}"#,
        );
        assert_eq!((beside.output, beside.reasoning), (Some(30), 20));
    }

    #[test]
    fn the_cache_is_told_under_two_names() {
        assert_eq!(
            counted(r#"{"prompt_tokens_details": {"cached_tokens": 7}}"#).cached_input,
            7
        );
        assert_eq!(counted(r#"{"prompt_cache_hit_tokens": 8}"#).cached_input, 8);
    }
}
