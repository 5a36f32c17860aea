use serde::{Deserialize, Serialize};

use crate::problem::Report;

/// `[prices."PROVIDER/MODEL"]`: what a million tokens cost, in dollars.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PriceSettings {
    /// Tokens of prompts.
    pub input: f64,
    /// Tokens of prompts that the provider read from its cache. Default: as `input`.
    #[serde(default)]
    pub cached_input: Option<f64>,
    /// Tokens of prompts that it wrote to its cache. Default: as `input`.
    #[serde(default)]
    pub cache_write: Option<f64>,
    /// Tokens of answers, reasoning included.
    pub output: f64,
}

impl PriceSettings {
    pub(super) fn check(&self, name: &str, report: &mut Report<'_>) {
        if !name.contains('/') {
            let text = "name the provider and the model, such as \"openai/gpt-5*\", where `*` stands for any text";
            report.add(&["prices", name], text);
        }
        let prices = [
            ("input", Some(self.input)),
            ("cached_input", self.cached_input),
            ("cache_write", self.cache_write),
            ("output", Some(self.output)),
        ];
        for (key, price) in prices {
            if price.is_some_and(|price| !(0.0..=1_000_000.0).contains(&price)) {
                report.add(
                    &["prices", name, key],
                    "a price is from 0 to 1000000 dollars for a million tokens",
                );
            }
        }
    }
}
