//! The loaded model.

use std::fs::File;
use std::io::BufReader;

use candle_core::quantized::gguf_file::Content;
use candle_core::{Device, Tensor};
use candle_transformers::models::quantized_llama::{MAX_SEQ_LEN, ModelWeights};

use super::grammar::Grammars;
use super::sampler::Sampler;
use super::service::{Answered, Answers};
use super::stops::Stops;
use super::telling::Telling;
use super::vocabulary::Vocabulary;
use super::{EmbeddedOptions, MODEL, PROVIDER, bad_reply, chat, requantized, unavailable};
use crate::{ErrorClass, Finish, LlmError, Request, Usage};

/// For requests that name no limit.
const DEFAULT_MAX_TOKENS: u32 = 512;

/// Prompt tokens that are read at a time, between two looks at whether anybody still waits: a third of a second.
const PREFILL_CHUNK: usize = 32;

pub(super) struct Engine {
    weights: ModelWeights,
    vocabulary: Vocabulary,
    grammars: Grammars,
}

impl Engine {
    /// Reads the model, and makes its faster copy before if there is none.
    pub(super) fn load(options: &EmbeddedOptions) -> Result<Self, LlmError> {
        let copy = requantized::copy_of(&options.model_path, &options.cache_dir)
            .map_err(|error| unavailable(error.to_string()))?;
        let damaged = |error: candle_core::Error| {
            unavailable(format!(
                "the converted model `{}` cannot be read ({error}); delete it, and it is made anew",
                copy.display()
            ))
        };
        let file = File::open(&copy).map_err(|error| damaged(error.into()))?;
        let mut reader = BufReader::new(file);
        let content = Content::read(&mut reader).map_err(damaged)?;
        let vocabulary = Vocabulary::read(&content).map_err(damaged)?;
        let weights = ModelWeights::from_gguf(content, &mut reader, &Device::Cpu).map_err(damaged)?;
        let grammars = Grammars::new(vocabulary.env())?;
        Ok(Self {
            weights,
            vocabulary,
            grammars,
        })
    }

    /// The prompt of `request`, and how many tokens may follow it.
    fn prompt(&self, request: &Request) -> Result<(Vec<u32>, usize), LlmError> {
        let prompt = chat::prompt(request, &self.vocabulary)
            .map_err(|error| bad_reply(format!("the prompt cannot be read as tokens ({error})")))?;
        let wanted = usize::try_from(request.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS)).unwrap_or(usize::MAX);
        match MAX_SEQ_LEN.checked_sub(prompt.len()) {
            None | Some(0) => {
                let detail = format!(
                    "the prompt has {} tokens and the model reads {} with its answer; shorten the prompt",
                    prompt.len(),
                    MAX_SEQ_LEN - 1
                );
                Err(LlmError::new(ErrorClass::TooLong, PROVIDER, detail).with_model(MODEL))
            }
            Some(room) => Ok((prompt, wanted.min(room))),
        }
    }
}

impl Answers for Engine {
    fn answer(
        &mut self,
        request: &Request,
        abandoned: &dyn Fn() -> bool,
        on_text: Option<&mut dyn FnMut(&str)>,
    ) -> Result<Answered, LlmError> {
        let mut telling = on_text.map(Telling::new);
        let (prompt, limit) = self.prompt(request)?;
        let mut grammar = request
            .schema
            .as_ref()
            .map(|schema| self.grammars.of(schema))
            .transpose()?;
        let mut sampler = Sampler::new(request.temperature, request.top_p, request.seed);
        let stops = Stops(&request.stop);
        let mut end = None;
        // A copy shares the weights and has an empty memory of its own, which goes with it. The original never hears of
        // a conversation, so there is nothing to forget before the next one.
        let mut reading = Reading {
            weights: self.weights.clone(),
            position: 0,
        };
        let mut logits = None;
        for chunk in prompt.chunks(PREFILL_CHUNK) {
            if abandoned() {
                return Ok(Answered::Abandoned);
            }
            logits = Some(reading.read(chunk)?);
        }
        let mut said = Vec::new();
        let mut finish = Finish::Length;
        while let Some(next) = logits.take().filter(|_| said.len() < limit) {
            if abandoned() {
                return Ok(Answered::Abandoned);
            }
            let choice = match &mut grammar {
                Some(grammar) => {
                    let allowed = grammar.compute_mask_or_eos().map_err(|error| against_grammar(&error))?;
                    sampler.choose(&next, &said, &allowed)
                }
                None => sampler.choose(&next, &said, &self.vocabulary.sayable),
            };
            let token = choice.map_err(|error| failed(&error))?;
            if token == self.vocabulary.turn_end {
                finish = Finish::Stop;
                break;
            }
            said.push(token);
            if telling.is_some() || !request.stop.is_empty() {
                let text = self.vocabulary.decode(&said);
                end = stops.end_of(&text);
                if end.is_some() {
                    finish = Finish::Stop;
                    break;
                }
                if let Some(telling) = &mut telling {
                    telling.grown(stops.certain(&text));
                }
            }
            if let Some(grammar) = &mut grammar {
                grammar.consume_token(token).map_err(|error| against_grammar(&error))?;
                if grammar.is_stopped() {
                    finish = Finish::Stop;
                    break;
                }
            }
            logits = Some(reading.read(&[token])?);
        }
        let usage = Usage {
            input_tokens: prompt.len() as u64,
            output_tokens: said.len() as u64,
            ..Usage::default()
        };
        let text = self.vocabulary.decode(&said);
        let text = end.and_then(|end| text.get(..end)).unwrap_or(&text).trim().to_owned();
        if let Some(telling) = &mut telling {
            telling.tell(&text);
        }
        Ok(Answered::Said(text, finish, usage))
    }
}

/// One conversation under the model's eyes.
struct Reading {
    weights: ModelWeights,
    position: usize,
}

impl Reading {
    /// Reads `tokens` on, and says how likely each token of the vocabulary comes next.
    fn read(&mut self, tokens: &[u32]) -> Result<Tensor, LlmError> {
        let logits = Tensor::new(tokens, &Device::Cpu)
            .and_then(|input| input.unsqueeze(0))
            .and_then(|input| self.weights.forward(&input, self.position))
            .and_then(|logits| logits.squeeze(0))
            .map_err(|error| failed(&error))?;
        self.position += tokens.len();
        Ok(logits)
    }
}

fn failed(error: &candle_core::Error) -> LlmError {
    bad_reply(format!("the computation failed ({error})"))
}

fn against_grammar(error: &dyn std::fmt::Display) -> LlmError {
    bad_reply(format!("the grammar of its JSON schema failed ({error})"))
}
