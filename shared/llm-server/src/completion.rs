//! Answers as `OpenAI` writes them, whole and in chunks.

use botticelli_llm::{ErrorClass, Finish, LlmError, Reply, Request, Usage};
use serde::Serialize;

use crate::desk::{Desk, Stamp};
use crate::refusal::Refusal;

/// An answer that has come to its end.
pub(crate) struct Ended {
    pub(crate) text: String,
    pub(crate) finish: Finish,
    pub(crate) usage: Usage,
}

impl Ended {
    /// What came of `request`. An answer that the token limit cut is an answer here, also where it was to be JSON: the client
    /// learns that by `finish_reason`.
    ///
    /// # Errors
    ///
    /// Every other failure.
    pub(crate) fn of(result: Result<Reply, LlmError>, request: &Request) -> Result<Self, Refusal> {
        match result {
            Ok(reply) => Ok(Self {
                text: reply.text,
                finish: reply.finish,
                usage: reply.usage,
            }),
            Err(error) if error.class == ErrorClass::Truncated => {
                let text = error.answer.clone().unwrap_or_default();
                Ok(Self {
                    usage: error.usage.unwrap_or_else(|| Usage::estimated(request, &text)),
                    text,
                    finish: Finish::Length,
                })
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What every object of an answer begins with.
#[derive(Serialize)]
struct Head<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    system_fingerprint: &'a str,
}

impl<'a> Head<'a> {
    fn of(desk: &'a Desk, stamp: &'a Stamp, object: &'static str) -> Self {
        Self {
            id: &stamp.id,
            object,
            created: stamp.created,
            model: &desk.options.name,
            system_fingerprint: &desk.options.fingerprint,
        }
    }
}

/// `chat.completion`.
#[derive(Serialize)]
pub(crate) struct Completion<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    choices: [Choice<'a>; 1],
    usage: Counts,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u8,
    message: Words<'a>,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Words<'a> {
    role: &'static str,
    content: &'a str,
    refusal: Option<()>,
}

impl<'a> Completion<'a> {
    pub(crate) fn of(desk: &'a Desk, stamp: &'a Stamp, ended: &'a Ended) -> Self {
        Self {
            head: Head::of(desk, stamp, "chat.completion"),
            choices: [Choice {
                index: 0,
                message: Words {
                    role: "assistant",
                    content: &ended.text,
                    refusal: None,
                },
                logprobs: None,
                finish_reason: reason(ended.finish),
            }],
            usage: Counts::of(&ended.usage),
        }
    }
}

/// `chat.completion.chunk`.
#[derive(Serialize)]
pub(crate) struct Chunk<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    choices: Vec<ChunkChoice<'a>>,
    #[serde(skip_serializing_if = "ChunkUsage::is_unasked")]
    usage: ChunkUsage,
}

/// Where the client asked for it, it is `null` in every chunk but the last; else it is in none.
#[derive(Serialize)]
#[serde(untagged)]
enum ChunkUsage {
    Unasked,
    Later,
    Now(Counts),
}

impl ChunkUsage {
    fn is_unasked(&self) -> bool {
        matches!(self, Self::Unasked)
    }
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: u8,
    delta: Delta<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize, Default)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

/// What a chunk tells.
pub(crate) enum News<'a> {
    /// The answer begins.
    Begin,
    /// It goes on.
    Text(&'a str),
    /// It is over.
    End(Finish),
    /// What it took.
    Usage(&'a Usage),
}

impl<'a> Chunk<'a> {
    /// `tells_usage` is whether the client asked for it.
    pub(crate) fn of(desk: &'a Desk, stamp: &'a Stamp, tells_usage: bool, news: &News<'a>) -> Self {
        let (delta, finish) = match news {
            News::Begin => {
                let begin = Delta {
                    role: Some("assistant"),
                    content: Some(""),
                };
                (Some(begin), None)
            }
            News::Text(text) => {
                let text = Delta {
                    role: None,
                    content: Some(text),
                };
                (Some(text), None)
            }
            News::End(finish) => (Some(Delta::default()), Some(reason(*finish))),
            News::Usage(_) => (None, None),
        };
        let choice = delta.map(|delta| ChunkChoice {
            index: 0,
            delta,
            logprobs: None,
            finish_reason: finish,
        });
        Self {
            head: Head::of(desk, stamp, "chat.completion.chunk"),
            choices: choice.into_iter().collect(),
            usage: match news {
                _ if !tells_usage => ChunkUsage::Unasked,
                News::Usage(usage) => ChunkUsage::Now(Counts::of(usage)),
                _ => ChunkUsage::Later,
            },
        }
    }
}

fn reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
    }
}

#[derive(Serialize)]
struct Counts {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: InputDetails,
    completion_tokens_details: OutputDetails,
}

#[derive(Serialize)]
struct InputDetails {
    cached_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

impl Counts {
    fn of(usage: &Usage) -> Self {
        Self {
            prompt_tokens: usage.input_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: usage.input_tokens.saturating_add(usage.output_tokens),
            prompt_tokens_details: InputDetails {
                cached_tokens: usage.cached_input_tokens,
            },
            completion_tokens_details: OutputDetails {
                reasoning_tokens: usage.reasoning_tokens,
            },
        }
    }
}
