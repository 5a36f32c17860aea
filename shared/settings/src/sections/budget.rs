use serde::{Deserialize, Serialize};

use crate::problem::Report;

/// `[budgets.NAME]`: what may be used up in a period. A call that would go beyond it is not made.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetSettings {
    /// In what.
    pub period: BudgetPeriod,
    /// By whom: an actor's name. Default: by the whole fleet in a day or month, by each run or act.
    #[serde(default)]
    pub actor: Option<String>,
    /// Tokens, of prompts and answers together.
    #[serde(default)]
    pub tokens: Option<u64>,
    /// Calls of models.
    #[serde(default)]
    pub calls: Option<u64>,
    /// Money, in dollars, by `[prices]`.
    #[serde(default)]
    pub usd: Option<f64>,
}

/// What a budget is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BudgetPeriod {
    /// Each act of a run.
    Act,
    /// Each run, that is each job.
    Run,
    /// Each calendar day, in UTC.
    Day,
    /// Each calendar month, in UTC.
    Month,
}

impl BudgetSettings {
    pub(super) fn check<'a>(&self, name: &str, mut actors: impl Iterator<Item = &'a String>, report: &mut Report<'_>) {
        if self.tokens.is_none() && self.calls.is_none() && self.usd.is_none() {
            report.add(&["budgets", name], "a budget wants `tokens`, `calls` or `usd`");
        }
        for (key, limit) in [("tokens", self.tokens), ("calls", self.calls)] {
            if limit.is_some_and(|limit| limit == 0 || i64::try_from(limit).is_err()) {
                report.add(&["budgets", name, key], "the limit must be at least 1");
            }
        }
        if self.usd.is_some_and(|usd| !(0.000_001..=1e9).contains(&usd)) {
            report.add(
                &["budgets", name, "usd"],
                "the limit must be from 0.000001 to 1000000000 dollars",
            );
        }
        if let Some(actor) = &self.actor
            && !actors.any(|known| known == actor)
        {
            report.add(&["budgets", name, "actor"], format!("there is no actor `{actor}`"));
        }
    }
}
