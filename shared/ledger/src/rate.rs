//! How fast calls may be made.

use std::{
    fmt,
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::Call;

/// Over which calls of a provider limits hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RateScope {
    /// All of them.
    Provider,
    /// Those with the call's key.
    Key,
    /// Those of the call's model.
    Model,
    /// Those of the call's model with the call's key.
    #[default]
    KeyAndModel,
}

impl RateScope {
    /// The key and the model of `call` that it tells apart; an empty name stands for any.
    pub(crate) fn names(self, call: &Call) -> (&str, &str) {
        match self {
            Self::Provider => ("", ""),
            Self::Key => (&call.key_name, ""),
            Self::Model => ("", &call.model),
            Self::KeyAndModel => (&call.key_name, &call.model),
        }
    }
}

/// How fast calls may be made in the whole fleet; what is `None` is not limited.
///
/// No 60 seconds ever hold more requests or tokens than a minute may, which satisfies providers that count by the minute of the clock,
/// by a sliding minute, or by a bucket that is filled all the time: a bucket of our own would let twice as much pass in the minute
/// after a rest. Slots of two seconds are counted, so what is in a minute leaves it after 60 to 62 seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RateLimits {
    /// Over which calls.
    pub scope: RateScope,
    /// Requests a minute.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens a minute, input and output together: what a call has reserved, and once it has ended what it has used. A call of more
    /// than that is let through when nothing else is in the minute.
    pub tokens_per_minute: Option<NonZeroU64>,
    /// Requests of a calendar day.
    pub requests_per_day: Option<NonZeroU64>,
    /// The zone of that calendar by its IANA name; `None` is UTC. Gemini's day begins in `America/Los_Angeles`
    /// (<https://ai.google.dev/gemini-api/docs/rate-limits>).
    pub day_zone: Option<String>,
    /// Calls that are under way at once.
    pub concurrency: Option<NonZeroU32>,
}

/// A part of a limit, from a millionth to all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Multiplier {
    millionths: u32,
}

/// A number is no part of a limit.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("`{0}` is no part of a limit; write a number above 0 and up to 1")]
pub struct MultiplierError(f64);

const WHOLE: u32 = 1_000_000;

impl Multiplier {
    /// All of a limit.
    pub const WHOLE: Self = Self { millionths: WHOLE };

    /// This part of `limit`, rounded down, and never nothing.
    pub fn of(self, limit: NonZeroU64) -> NonZeroU64 {
        let part = u128::from(limit.get()) * u128::from(self.millionths) / u128::from(WHOLE);
        u64::try_from(part)
            .ok()
            .and_then(NonZeroU64::new)
            .unwrap_or(NonZeroU64::MIN)
    }
}

impl Default for Multiplier {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl TryFrom<f64> for Multiplier {
    type Error = MultiplierError;

    fn try_from(part: f64) -> Result<Self, MultiplierError> {
        if !(part > 0.0 && part <= 1.0) {
            return Err(MultiplierError(part));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is from 0 to a million"
        )]
        let millionths = (part * f64::from(WHOLE)).round() as u32;
        Ok(Self {
            millionths: millionths.max(1),
        })
    }
}

/// What part of the limits a call's narrative may use: of its calls no minute and no day ever holds more, while all calls together
/// stay within the whole limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Multipliers {
    /// Of requests a minute (`rpm_multiplier`).
    pub requests_per_minute: Multiplier,
    /// Of tokens a minute (`tpm_multiplier`).
    pub tokens_per_minute: Multiplier,
    /// Of requests a day (`rpd_multiplier`).
    pub requests_per_day: Multiplier,
}

impl RateLimits {
    /// Those that hold for the calls of one narrative by itself; `None` when it may use the whole.
    pub(crate) fn share(&self, parts: Multipliers) -> Option<Self> {
        fn part(limit: Option<NonZeroU64>, part: Multiplier) -> Option<NonZeroU64> {
            limit.filter(|_| part != Multiplier::WHOLE).map(|limit| part.of(limit))
        }
        let requests_per_minute = part(
            self.requests_per_minute.map(NonZeroU64::from),
            parts.requests_per_minute,
        );
        let share = Self {
            scope: self.scope,
            requests_per_minute: requests_per_minute.and_then(|limit| NonZeroU32::try_from(limit).ok()),
            tokens_per_minute: part(self.tokens_per_minute, parts.tokens_per_minute),
            requests_per_day: part(self.requests_per_day, parts.requests_per_day),
            day_zone: self.day_zone.clone(),
            concurrency: None,
        };
        share.limits_anything().then_some(share)
    }

    pub(crate) fn limits_anything(&self) -> bool {
        self.requests_per_minute.is_some()
            || self.tokens_per_minute.is_some()
            || self.requests_per_day.is_some()
            || self.concurrency.is_some()
    }
}

/// What a call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// The provider said so.
    Throttle,
    /// Its minute has as many requests as it may.
    RequestsPerMinute,
    /// Its minute has no room for the tokens.
    TokensPerMinute,
    /// Its day has as many requests as it may.
    RequestsPerDay,
    /// As many calls are under way as may be.
    Concurrency,
}

/// A call may be made later. Nothing was reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// When to ask again, by the database's clock. Those that wait are told times one after the other, as far apart as the limit lets
    /// calls pass, but no more than five minutes after it may be free.
    pub until: DateTime<Utc>,
    /// How long that is from now.
    pub delay: Duration,
    /// What for.
    pub why: WaitReason,
    /// The provider.
    pub provider: String,
    /// The key that the limit holds for; empty when for all.
    pub key_name: String,
    /// The model; empty when for all.
    pub model: String,
    /// The narrative whose share it is; empty when for all.
    pub narrative: String,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.why {
            WaitReason::Throttle => "wants to be left alone",
            WaitReason::RequestsPerMinute => "has had its requests for this minute",
            WaitReason::TokensPerMinute => "has had its tokens for this minute",
            WaitReason::RequestsPerDay => "has had its requests for this day",
            WaitReason::Concurrency => "has as many calls under way as it may",
        };
        write!(f, "`{}`", self.provider)?;
        for (name, value) in [
            ("key", &self.key_name),
            ("model", &self.model),
            ("narrative", &self.narrative),
        ] {
            if !value.is_empty() {
                write!(f, " for {name} `{value}`")?;
            }
        }
        write!(f, " {what}; ask again at {}", self.until)
    }
}

/// What blocks a call, as the database tells it.
#[derive(Debug, Deserialize)]
pub(crate) struct ToldWait {
    why: WaitReason,
    #[serde(default)]
    key_name: String,
    #[serde(default)]
    model: String,
    #[serde(default)]
    narrative: String,
}

impl ToldWait {
    pub(crate) fn until(self, until: DateTime<Utc>, now: DateTime<Utc>, provider: &str) -> Wait {
        Wait {
            until,
            delay: (until - now).to_std().unwrap_or_default(),
            why: self.why,
            provider: provider.to_owned(),
            key_name: self.key_name,
            model: self.model,
            narrative: self.narrative,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::{Multiplier, MultiplierError, Multipliers, RateLimits};

    #[test]
    fn a_part_of_a_limit_is_exact_rounded_down_and_never_nothing() -> Result<(), MultiplierError> {
        for (part, limit, expected) in [
            (1.0, 10, 10),
            (0.5, 10, 5),
            (0.29, 100, 29),
            (0.5, 5, 2),
            (0.1, 5, 1),
            (0.000_000_1, 10, 1),
            (1.0, u64::MAX, u64::MAX),
            (0.5, u64::MAX, u64::MAX / 2),
        ] {
            let limit = NonZeroU64::new(limit).unwrap_or(NonZeroU64::MIN);
            assert_eq!(
                Multiplier::try_from(part)?.of(limit).get(),
                expected,
                "{part} of {limit}"
            );
        }
        Ok(())
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for part in [0.0, -0.5, 1.000_000_1, f64::NAN, f64::INFINITY] {
            let refused = Multiplier::try_from(part).map_err(|error| error.to_string());
            assert!(
                refused.is_err_and(|error| error.contains("above 0 and up to 1")),
                "{part}"
            );
        }
    }

    #[test]
    fn a_narrative_has_limits_of_its_own_only_for_what_it_may_not_use_in_full() -> Result<(), MultiplierError> {
        let limits = RateLimits {
            requests_per_minute: Some(10.try_into().unwrap_or(std::num::NonZeroU32::MIN)),
            tokens_per_minute: NonZeroU64::new(1000),
            ..RateLimits::default()
        };
        assert_eq!(limits.share(Multipliers::default()), None);
        let half_of_days = Multipliers {
            requests_per_day: 0.5.try_into()?,
            ..Multipliers::default()
        };
        assert_eq!(limits.share(half_of_days), None);
        let half_of_tokens = Multipliers {
            tokens_per_minute: 0.5.try_into()?,
            ..Multipliers::default()
        };
        let share = limits.share(half_of_tokens);
        assert_eq!(
            share.as_ref().and_then(|share| share.tokens_per_minute),
            NonZeroU64::new(500)
        );
        assert!(share.is_some_and(|share| share.requests_per_minute.is_none()));
        Ok(())
    }
}
