//! How much calls may use.

use std::{fmt, time::Duration};

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::CallId;

/// Over which calls a budget holds: those of one act of a run, of one run, of one actor, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    // In the order in which reservations lock: what many share comes last, to be locked for the shortest time.
    /// The calls of one step of a run, in all attempts.
    Act,
    /// The calls of one run.
    Run,
    /// The calls for one actor.
    Actor,
    /// Every call.
    Fleet,
}

/// How long a budget lasts. Days and months are those of the calendar in the reservation's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// For ever.
    None,
    /// A day, from midnight to midnight.
    Day,
    /// A month.
    Month,
}

/// What a budget limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Tokens of input and output together.
    Tokens,
    /// Calls that were sent.
    Calls,
    /// Millionths of a dollar.
    CostMicros,
}

/// How much may be used in a scope and period. What is used and what is reserved count alike, so it cannot be overspent by calls that
/// are under way. A budget that is new counts from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Over which calls.
    pub scope: Scope,
    /// For how long.
    pub period: Period,
    /// Tokens; `None` is no limit, as below.
    pub tokens: Option<u64>,
    /// Calls.
    pub calls: Option<u64>,
    /// Millionths of a dollar.
    pub cost_micros: Option<u64>,
}

impl Scope {
    /// As stored in `budget_usage.scope`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Act => "act",
            Self::Run => "run",
            Self::Actor => "actor",
            Self::Fleet => "fleet",
        }
    }
}

impl Period {
    /// As stored in `budget_usage.period`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tokens => "tokens",
            Self::Calls => "calls",
            Self::CostMicros => "USD",
        })
    }
}

impl Measure {
    /// A number of it as people write it: dollars, not millionths of them.
    fn number(self, amount: u64) -> String {
        if self != Self::CostMicros {
            return amount.to_string();
        }
        let dollars = format!("{}.{:06}", amount / 1_000_000, amount % 1_000_000);
        dollars.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// Why a call may not be made: a budget has not enough left for it. Nothing was reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The budget that refuses for longest.
    pub scope: Scope,
    /// The run or the actor; empty for the fleet.
    pub key: String,
    /// The step of an act; else empty.
    pub step: String,
    /// How long the budget lasts.
    pub period: Period,
    /// What is too little.
    pub measure: Measure,
    /// What ended calls have used.
    pub used: u64,
    /// What calls that are under way may use.
    pub reserved: u64,
    /// What this one may use.
    pub asked: u64,
    /// The limit.
    pub limit: u64,
    /// When its next period begins; `None` when there is none, or when the call alone is more than the limit, so that none can hold it.
    /// A call under way may end before and leave enough.
    pub opens_at: Option<DateTime<Utc>>,
    /// How long that is from now, by the database's clock.
    pub opens_in: Option<Duration>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the budget ")?;
        describe(f, self.scope, &self.key, &self.step, self.period)?;
        let number = |amount| self.measure.number(amount);
        write!(
            f,
            " refuses the call: of {} {} {} are used and {} reserved, and it may need {}",
            number(self.limit),
            self.measure,
            number(self.used),
            number(self.reserved),
            number(self.asked)
        )?;
        if self.asked > self.limit {
            let least = number(self.asked);
            return match self.measure {
                Measure::Calls => write!(f, ", which it never has; raise the budget's limit to {least} or more"),
                Measure::Tokens | Measure::CostMicros => write!(
                    f,
                    ", which it never has; raise the budget's limit to {least} or more, or lower the act's `max_tokens`"
                ),
            };
        }
        match self.opens_at {
            Some(opens_at) => write!(f, "; it opens again at {opens_at}"),
            None => f.write_str("; raise the budget, or start a new run"),
        }
    }
}

/// A budget has come to four fifths of a limit. Told once for each limit and period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Over which calls it holds.
    pub scope: Scope,
    /// The run or the actor; empty for the fleet.
    pub key: String,
    /// The step of an act; else empty.
    pub step: String,
    /// How long it lasts.
    pub period: Period,
    /// What is limited.
    pub measure: Measure,
    /// What is used and reserved.
    pub used: u64,
    /// The limit.
    pub limit: u64,
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the budget ")?;
        describe(f, self.scope, &self.key, &self.step, self.period)?;
        write!(
            f,
            " has {} of {} {} used or reserved",
            self.measure.number(self.used),
            self.measure.number(self.limit),
            self.measure
        )
    }
}

fn describe(f: &mut fmt::Formatter<'_>, scope: Scope, key: &str, step: &str, period: Period) -> fmt::Result {
    match scope {
        Scope::Act => write!(f, "of step `{step}` of run `{key}`")?,
        Scope::Run => write!(f, "of run `{key}`")?,
        Scope::Actor => write!(f, "of actor `{key}`")?,
        Scope::Fleet => f.write_str("of the fleet")?,
    }
    match period {
        Period::None => Ok(()),
        Period::Day => f.write_str(" for a day"),
        Period::Month => f.write_str(" for a month"),
    }
}

/// A refusal as the database tells it.
#[derive(Debug, Deserialize)]
pub(crate) struct ToldRefusal {
    scope: Scope,
    key: String,
    step: String,
    period: Period,
    measure: Measure,
    used: i64,
    reserved: i64,
    asked: i64,
    limit: i64,
}

impl ToldRefusal {
    pub(crate) fn until(self, opens_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Refusal {
        Refusal {
            scope: self.scope,
            key: self.key,
            step: self.step,
            period: self.period,
            measure: self.measure,
            used: amount(self.used),
            reserved: amount(self.reserved),
            asked: amount(self.asked),
            limit: amount(self.limit),
            opens_at,
            opens_in: opens_at.map(|opens_at| (opens_at - now).to_std().unwrap_or_default()),
        }
    }
}

/// An alert as the database tells it.
#[derive(Debug, Deserialize)]
pub(crate) struct ToldAlert {
    call: i64,
    scope: Scope,
    key: String,
    step: String,
    period: Period,
    measure: Measure,
    used: i64,
    limit: i64,
}

impl ToldAlert {
    /// The call that brought the budget so far.
    pub(crate) fn call(&self) -> CallId {
        CallId(self.call)
    }
}

impl From<ToldAlert> for Alert {
    fn from(told: ToldAlert) -> Self {
        Self {
            scope: told.scope,
            key: told.key,
            step: told.step,
            period: told.period,
            measure: told.measure,
            used: amount(told.used),
            limit: amount(told.limit),
        }
    }
}

/// A total, which a correction that came before what it corrects could make negative for a moment.
fn amount(stored: i64) -> u64 {
    stored.max(0).cast_unsigned()
}
