//! What stands in `[narrative]` and `[narrative.NAME]`.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use toml::Spanned;

use super::{ActEntry, Entries};

/// One narrative's own table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    pub(crate) name: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) template: Option<Spanned<String>>,
    pub(crate) target: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) skip_content_generation: bool,
    pub(crate) carousel: Option<CarouselEntry>,
    pub(crate) budget: Option<BudgetEntry>,
    pub(crate) model: Option<Spanned<String>>,
    pub(crate) temperature: Option<Spanned<f64>>,
    pub(crate) max_tokens: Option<Spanned<i64>>,
    pub(crate) system: Option<Spanned<String>>,
    pub(crate) toc: Option<Spanned<Toc>>,
    #[serde(default)]
    pub(crate) acts: Entries<Spanned<ActEntry>>,
}

/// How often a narrative is repeated.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CarouselEntry {
    pub(crate) iterations: Spanned<i64>,
    pub(crate) estimated_tokens_per_iteration: Option<Spanned<i64>>,
    #[serde(default)]
    pub(crate) continue_on_error: bool,
    pub(crate) budget: Option<BudgetEntry>,
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

/// The order of acts: an array, or a table with that array as `order`.
#[derive(Debug)]
pub(crate) struct Toc(pub(crate) Vec<Spanned<String>>);

impl<'de> Deserialize<'de> for Toc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TocVisitor)
    }
}

struct TocVisitor;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TocTable {
    order: Vec<Spanned<String>>,
}

impl<'de> Visitor<'de> for TocVisitor {
    type Value = Toc;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of act names, or a table with that list as `order`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut order = Vec::new();
        while let Some(act) = sequence.next_element()? {
            order.push(act);
        }
        Ok(Toc(order))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        TocTable::deserialize(MapAccessDeserializer::new(map)).map(|table| Toc(table.order))
    }
}
