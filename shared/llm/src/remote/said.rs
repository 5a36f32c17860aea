//! What a model has said so far, and what it comes to.

use super::foreign::Foreign;
use super::limits;
use crate::expectation::Expectation;
use crate::{ErrorClass, Finish, LlmError, Reply, Request, Usage};

/// An answer in the making.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The words.
    pub(crate) text: String,
    /// The words of a refusal, where the format keeps them apart.
    pub(crate) refusal: String,
    /// Why the model stopped, once that is known.
    pub(crate) end: Option<End>,
    /// The model that answers, as the service names it.
    pub(crate) model: Option<String>,
    /// The service's name for the answer.
    pub(crate) id: Option<String>,
    /// What the service counted.
    pub(crate) counted: Counted,
    /// Whether the stream has said that nothing follows.
    pub(crate) is_complete: bool,
}

/// Why a model stopped.
#[derive(Debug)]
pub(crate) enum End {
    /// It was done.
    Stop,
    /// The limit of tokens, or of what it can read and write together.
    Length,
    /// For reasons of content.
    Declined(String),
    /// In a way that leaves no answer.
    Unusable(String),
}

/// Tokens as far as the service told, in our way of counting: cached ones in the input, reasoning in the output.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
    pub(crate) cached_input: u64,
    pub(crate) cache_write: u64,
    pub(crate) reasoning: u64,
}

impl Counted {
    /// The usage, with the numbers of `estimate` for what the service did not tell.
    pub(crate) fn usage(self, estimate: impl FnOnce() -> Usage) -> Usage {
        let (input_tokens, output_tokens, is_estimated) = match (self.input, self.output) {
            (Some(input), Some(output)) => (input, output, false),
            (input, output) => {
                let guess = estimate();
                (
                    input.unwrap_or(guess.input_tokens),
                    output.unwrap_or(guess.output_tokens),
                    true,
                )
            }
        };
        Usage {
            input_tokens,
            output_tokens,
            cached_input_tokens: self.cached_input,
            cache_write_tokens: self.cache_write,
            reasoning_tokens: self.reasoning,
            is_estimated,
        }
    }
}

impl Said {
    /// Takes the name of the model and of the answer, where they are told.
    pub(crate) fn named(&mut self, model: Option<String>, id: Option<String>) {
        self.model = model.filter(|name| !name.is_empty()).or(self.model.take());
        self.id = id.filter(|id| !id.is_empty()).or(self.id.take());
    }

    /// Whether the model has begun to answer, so that there is something to pay for.
    pub(super) fn has_begun(&self) -> bool {
        !self.text.is_empty() || self.counted.input.is_some() || self.counted.output.is_some()
    }

    /// The reply, checked.
    pub(super) fn conclude(
        &mut self,
        expected: &Expectation,
        foreign: &Foreign<'_>,
        request: &Request,
    ) -> Result<Reply, LlmError> {
        let usage = self.counted.usage(|| Usage::estimated(request, &self.text));
        let model = self.model.clone().unwrap_or_else(|| foreign.model.to_owned());
        let failed = |class: ErrorClass, detail: &str| {
            Err(foreign
                .error(class, foreign.safe(detail))
                .with_model(model.as_str())
                .with_usage(usage))
        };
        if !self.refusal.is_empty() {
            return failed(ErrorClass::Declined, &self.refusal);
        }
        let finish = match &self.end {
            Some(End::Declined(reason)) => return failed(ErrorClass::Declined, reason),
            Some(End::Unusable(reason)) => return failed(ErrorClass::Malformed, reason),
            Some(End::Length) => Finish::Length,
            // Compatible services have names of their own for a regular end, and some have none.
            Some(End::Stop) | None => Finish::Stop,
        };
        let json = expected
            .read(&self.text, finish, &model)
            .map_err(|error| error.with_usage(usage))?;
        Ok(Reply {
            text: std::mem::take(&mut self.text),
            json,
            usage,
            finish,
            model,
            request_id: foreign.request_id().or(self.id.take()),
            remaining: limits::remaining(foreign),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_the_service_did_not_tell_is_estimated_and_the_others_are_kept() {
        let guess = || Usage {
            input_tokens: 7,
            output_tokens: 8,
            ..Usage::default()
        };
        let told = Counted {
            output: Some(3),
            ..Counted::default()
        };
        let usage = told.usage(guess);
        assert_eq!((usage.input_tokens, usage.output_tokens), (7, 3));
        assert!(usage.is_estimated);
    }
}
