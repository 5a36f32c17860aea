//! What tokens cost.

use crate::Usage;
use crate::name_pattern::{NamePattern, most_exact};

/// Prices count for so many tokens.
const PER: u128 = 1_000_000;

/// The prices of one model, in micro-dollars for a million tokens: 1.25 dollars are 1 250 000.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Price {
    /// Tokens of the prompt that the provider had to read anew.
    pub input: u64,
    /// Tokens of the prompt that it read from its cache.
    pub cached_input: u64,
    /// Tokens of the prompt that it wrote to its cache.
    pub cache_write: u64,
    /// Tokens of the answer, reasoning included.
    pub output: u64,
}

impl Price {
    /// What `usage` costs in micro-dollars, rounded up, so that many small calls are never free.
    pub fn cost_micros(&self, usage: &Usage) -> u64 {
        let fresh = usage
            .input_tokens
            .saturating_sub(usage.cached_input_tokens)
            .saturating_sub(usage.cache_write_tokens);
        let parts = [
            (fresh, self.input),
            (usage.cached_input_tokens, self.cached_input),
            (usage.cache_write_tokens, self.cache_write),
            (usage.output_tokens, self.output),
        ];
        let sum = parts
            .into_iter()
            .map(|(tokens, price)| u128::from(tokens) * u128::from(price))
            .fold(0_u128, u128::saturating_add);
        u64::try_from(sum.div_ceil(PER)).unwrap_or(u64::MAX)
    }
}

/// The prices of many models.
#[derive(Debug, Clone, Default)]
pub struct Prices(Vec<(NamePattern, Price)>);

impl Prices {
    /// The prices of models named `provider/model`, where `*` stands for any text: `openai/gpt-5*`, `ollama/*`. The order does
    /// not matter: of several that match, the most exact one wins.
    pub fn new(prices: impl IntoIterator<Item = (String, Price)>) -> Self {
        let prices = prices.into_iter();
        Self(prices.map(|(name, price)| (NamePattern::new(name), price)).collect())
    }

    /// What `model` of `provider` costs; `None` when nobody said.
    pub fn of(&self, provider: &str, model: &str) -> Option<Price> {
        let name = format!("{provider}/{model}");
        most_exact(&self.0, &name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: Price = Price {
        input: 3_000_000,
        cached_input: 300_000,
        cache_write: 3_750_000,
        output: 15_000_000,
    };

    #[test]
    fn each_kind_of_token_has_its_own_price() {
        let usage = Usage {
            input_tokens: 1000,
            cached_input_tokens: 600,
            cache_write_tokens: 100,
            output_tokens: 200,
            reasoning_tokens: 150,
            is_estimated: false,
        };
        // 300 * 3 + 600 * 0.3 + 100 * 3.75 + 200 * 15 micro-dollars.
        assert_eq!(PRICE.cost_micros(&usage), 900 + 180 + 375 + 3000);
    }

    #[test]
    fn a_cost_is_rounded_up_and_nothing_costs_nothing() {
        let cached = |tokens| Usage {
            input_tokens: tokens,
            cached_input_tokens: tokens,
            ..Usage::default()
        };
        assert_eq!(PRICE.cost_micros(&cached(1)), 1);
        assert_eq!(PRICE.cost_micros(&cached(4)), 2);
        assert_eq!(PRICE.cost_micros(&Usage::default()), 0);
        assert_eq!(Price::default().cost_micros(&cached(1_000_000)), 0);
    }

    #[test]
    fn absurd_numbers_cost_as_much_as_can_be_said() {
        let usage = Usage {
            input_tokens: u64::MAX,
            cached_input_tokens: u64::MAX,
            cache_write_tokens: u64::MAX,
            output_tokens: u64::MAX,
            ..Usage::default()
        };
        let dear = Price {
            input: u64::MAX,
            cached_input: u64::MAX,
            cache_write: u64::MAX,
            output: u64::MAX,
        };
        assert_eq!(dear.cost_micros(&usage), u64::MAX);
    }

    #[test]
    fn the_most_exact_price_counts() {
        let of = |input| Price {
            input,
            ..Price::default()
        };
        let names = [
            ("*/gpt-5*", 1),
            ("openai/gpt-5-mini", 2),
            ("openai/gpt-5*", 3),
            ("ollama/*", 0),
        ];
        let prices = Prices::new(names.map(|(name, input)| (name.to_owned(), of(input))));
        assert_eq!(prices.of("openai", "gpt-5-mini"), Some(of(2)));
        assert_eq!(prices.of("openai", "gpt-5"), Some(of(3)));
        assert_eq!(prices.of("gateway", "gpt-5"), Some(of(1)));
        assert_eq!(prices.of("ollama", "llama"), Some(of(0)));
        assert_eq!(prices.of("openai", "o9"), None);
    }
}
