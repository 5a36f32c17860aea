//! What stands in `[narrative]` and `[narrative.NAME]`.

use serde::Deserialize;
use toml::Spanned;

use super::{ActEntry, Entries, HistoryEntry, Toc};

/// One narrative's own table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    pub(crate) name: Option<Spanned<String>>,
    /// Only in `[narratives.NAME]`: the file that the narrative stands in.
    pub(crate) narrative: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) template: Option<Spanned<String>>,
    pub(crate) target: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) skip_content_generation: bool,
    pub(crate) carousel: Option<CarouselEntry>,
    pub(crate) budget: Option<BudgetEntry>,
    pub(crate) toc: Option<Spanned<Toc>>,
    #[serde(default)]
    pub(crate) acts: Entries<Spanned<ActEntry>>,
    pub(crate) spend: Option<SpendEntry>,
    pub(crate) model: Option<Spanned<String>>,
    pub(crate) temperature: Option<Spanned<f64>>,
    pub(crate) max_tokens: Option<Spanned<i64>>,
    pub(crate) system: Option<Spanned<String>>,
    pub(crate) provider: Option<Spanned<String>>,
    pub(crate) fallback: Option<Vec<Spanned<String>>>,
    pub(crate) top_p: Option<Spanned<f64>>,
    pub(crate) stop: Option<Vec<Spanned<String>>>,
    pub(crate) seed: Option<Spanned<i64>>,
    pub(crate) timeout: Option<Spanned<String>>,
    pub(crate) history: Option<Spanned<HistoryEntry>>,
    pub(crate) history_tokens: Option<Spanned<i64>>,
    pub(crate) repairs: Option<Spanned<i64>>,
}

/// How often a narrative or an act is repeated.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CarouselEntry {
    pub(crate) iterations: Spanned<i64>,
    pub(crate) estimated_tokens_per_iteration: Option<Spanned<i64>>,
    #[serde(default)]
    pub(crate) continue_on_error: bool,
    pub(crate) budget: Option<BudgetEntry>,
    pub(crate) until: Option<Spanned<String>>,
}

/// Shares of a provider's limits.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BudgetEntry {
    #[serde(rename = "rpm_multiplier")]
    pub(crate) requests_per_minute: Option<Spanned<f64>>,
    #[serde(rename = "tpm_multiplier")]
    pub(crate) tokens_per_minute: Option<Spanned<f64>>,
    #[serde(rename = "rpd_multiplier")]
    pub(crate) requests_per_day: Option<Spanned<f64>>,
}

/// What a run, or an act of it, may use up.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpendEntry {
    pub(crate) tokens: Option<Spanned<i64>>,
    pub(crate) calls: Option<Spanned<i64>>,
    pub(crate) usd: Option<Spanned<f64>>,
}

/// `[config.PROVIDER]`: what holds for every act of the file that says nothing else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileDefaults {
    pub(crate) model: Option<Spanned<String>>,
    pub(crate) temperature: Option<Spanned<f64>>,
    pub(crate) max_tokens: Option<Spanned<i64>>,
}
