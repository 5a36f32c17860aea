//! What a call used.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::{Message, Request};

/// Tokens that a call used.
///
/// Providers count in different ways; here the same words mean the same everywhere: `input_tokens` includes the cached
/// ones, `output_tokens` includes the reasoning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input_tokens: u64,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: u64,
    /// Those of the input that the provider read from its cache.
    #[serde(default)]
    pub cached_input_tokens: u64,
    /// Those of the input that the provider wrote to its cache.
    #[serde(default)]
    pub cache_write_tokens: u64,
    /// Those of the output that were reasoning which nobody sees.
    #[serde(default)]
    pub reasoning_tokens: u64,
    /// Whether the provider told nothing and the numbers are guessed from the lengths of the texts.
    #[serde(default)]
    pub is_estimated: bool,
}

impl Usage {
    /// A guess for a call whose provider does not tell: four bytes are a token, rounded up, which is about right for English and
    /// for Chinese, and the schema is a part of the question. Files are not counted, because every model counts them in its own
    /// way.
    pub fn estimated(request: &Request, answer: &str) -> Self {
        let said = request.messages.iter().flat_map(Message::texts);
        let asked: u64 = said.chain(request.system.as_deref()).map(bytes).sum();
        let schema = request.schema.as_ref().map_or(0, |schema| bytes(&schema.to_string()));
        Self {
            input_tokens: (asked + schema).div_ceil(4),
            output_tokens: bytes(answer).div_ceil(4),
            is_estimated: true,
            ..Self::default()
        }
    }
}

fn bytes(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// A sum is estimated when a part of it is.
impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cached_input_tokens = self.cached_input_tokens.saturating_add(other.cached_input_tokens);
        self.cache_write_tokens = self.cache_write_tokens.saturating_add(other.cache_write_tokens);
        self.reasoning_tokens = self.reasoning_tokens.saturating_add(other.reasoning_tokens);
        if other.is_estimated {
            self.is_estimated = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Timeouts;

    #[test]
    fn a_guess_counts_four_characters_as_a_token() {
        let request = Request {
            system: Some("Brief".into()),
            ..Request::of([Message::user("Grüße")], Timeouts::within(Duration::from_secs(1)))
        };
        let usage = Usage::estimated(&request, "Hello");
        assert_eq!((usage.input_tokens, usage.output_tokens), (3, 2));
        assert!(usage.is_estimated);
    }

    #[test]
    fn a_record_from_before_the_details_still_loads() {
        let old = r#"{"input_tokens": 3, "output_tokens": 4}"#;
        let usage: Usage = serde_json::from_str(old).unwrap_or_default();
        assert_eq!(
            usage,
            Usage {
                input_tokens: 3,
                output_tokens: 4,
                ..Usage::default()
            }
        );
    }

    #[test]
    fn a_sum_is_estimated_when_a_part_of_it_is() {
        let mut sum = Usage {
            input_tokens: 1,
            reasoning_tokens: 2,
            ..Usage::default()
        };
        sum += Usage {
            input_tokens: 4,
            is_estimated: true,
            ..Usage::default()
        };
        assert_eq!((sum.input_tokens, sum.reasoning_tokens, sum.is_estimated), (5, 2, true));
    }
}
