//! Calls of models, on the fleet's ledger.

use std::{
    collections::{BTreeMap, HashMap},
    num::{NonZeroU32, NonZeroU64},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use botticelli_ledger::{
    Budget, Call, CallId, Charge, JobAttempt, Measure, Multiplier, Multipliers, Period, RateLimits, RateScope,
    Reservation, Scope, Settlement, fail, throttle_for,
};
use botticelli_llm::{ErrorClass, LlmError, Prices, Usage};
use botticelli_narrative::{Ledger, PlannedCall, PortError, PortFuture, Receipt, Reserved, Spend, Ticket};
use botticelli_settings::{BudgetPeriod, BudgetSettings, LimitSettings, ProviderWire, Settings};
use sqlx::PgPool;

use crate::models::{micros, no_price, prices};

/// How long after its time a call is given up that nobody has ended.
const MARGIN: Duration = Duration::from_secs(30);

/// How long a provider is left alone that says so without saying for how long.
const USUAL_REST: Duration = Duration::from_secs(5);

/// What calls cost and how many there may be.
pub struct Book {
    ledger: botticelli_ledger::Ledger,
    pool: PgPool,
    prices: Prices,
    /// The budgets of everybody, and those of one actor, by their names in the settings.
    budgets: Vec<(String, Option<String>, Budget)>,
    /// The limits of the models of each provider.
    limits: BTreeMap<String, RateLimits>,
}

impl Book {
    /// The book of `settings`, kept in `pool`.
    pub fn new(settings: &Settings, pool: PgPool) -> Self {
        let default = String::from(settings.llm.backend.clone());
        let of_providers = settings.providers.iter().map(|(name, provider)| {
            let limits = RateLimits {
                day_zone: day_zone_of(provider.wire).map(str::to_owned),
                ..limits_of(provider.limits)
            };
            (name.clone(), limits)
        });
        let mut limits: BTreeMap<String, RateLimits> = of_providers.collect();
        // Of a provider that is the backend of `[llm]` both hold.
        let own = limits_of(settings.llm.limits);
        limits
            .entry(default)
            .and_modify(|of_provider| *of_provider = stricter(of_provider, &own))
            .or_insert(own);
        Self {
            ledger: botticelli_ledger::Ledger::new(pool.clone()),
            pool,
            prices: prices(settings),
            budgets: settings
                .budgets
                .iter()
                .map(|(name, budget)| {
                    let (actor, budget) = budget_of(budget);
                    (name.clone(), actor, budget)
                })
                .collect(),
            limits,
        }
    }

    /// Where the limit of a budget of `actor` is written, to be put before what is said of it.
    fn place(&self, actor: &str, budget: (Scope, Period), (measure, limit): (Measure, u64)) -> String {
        let limit_of = |budget: &Budget| match measure {
            Measure::Tokens => budget.tokens,
            Measure::Calls => budget.calls,
            Measure::CostMicros => budget.cost_micros,
        };
        let written = self.budgets.iter().find(|(_, of, written)| {
            let is_of_actor = of.as_deref().is_none_or(|of| of == actor);
            is_of_actor && (written.scope, written.period) == budget && limit_of(written) == Some(limit)
        });
        match written {
            Some((name, ..)) => format!("`[budgets.{name}]`: "),
            None => "`spend`: ".to_owned(),
        }
    }

    /// What a call cost. Providers may answer under a longer name than the one that was asked for, such as one with a date; where
    /// that has no price of its own, the asked one's counts.
    fn cost(&self, call: &Call, answered: Option<&str>, usage: &Usage) -> u64 {
        let of = |model: &str| self.prices.of(&call.provider, model);
        let price = answered.and_then(of).or_else(|| of(&call.model)).unwrap_or_default();
        price.cost_micros(usage)
    }
}

fn limits_of(settings: LimitSettings) -> RateLimits {
    let wide = |limit: Option<u32>| limit.and_then(|limit| NonZeroU64::new(limit.into()));
    RateLimits {
        scope: RateScope::Model,
        requests_per_minute: settings.requests_per_minute.and_then(NonZeroU32::new),
        tokens_per_minute: wide(settings.tokens_per_minute),
        requests_per_day: wide(settings.requests_per_day),
        day_zone: None,
        concurrency: settings.concurrency.and_then(NonZeroU32::new),
    }
}

/// Where the day of a service's limits ends; `None` is UTC. Gemini's requests per day begin anew at midnight Pacific time
/// (ai.google.dev/gemini-api/docs/rate-limits).
fn day_zone_of(wire: ProviderWire) -> Option<&'static str> {
    (wire == ProviderWire::Gemini).then_some("America/Los_Angeles")
}

/// Limits that keep both.
fn stricter(one: &RateLimits, other: &RateLimits) -> RateLimits {
    fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
    RateLimits {
        requests_per_minute: least(one.requests_per_minute, other.requests_per_minute),
        tokens_per_minute: least(one.tokens_per_minute, other.tokens_per_minute),
        requests_per_day: least(one.requests_per_day, other.requests_per_day),
        concurrency: least(one.concurrency, other.concurrency),
        ..one.clone()
    }
}

fn budget_of(settings: &BudgetSettings) -> (Option<String>, Budget) {
    let of_actor = settings.actor.is_some();
    let (scope, period) = match settings.period {
        BudgetPeriod::Act => (Scope::Act, Period::None),
        BudgetPeriod::Run => (Scope::Run, Period::None),
        BudgetPeriod::Day if of_actor => (Scope::Actor, Period::Day),
        BudgetPeriod::Month if of_actor => (Scope::Actor, Period::Month),
        BudgetPeriod::Day => (Scope::Fleet, Period::Day),
        BudgetPeriod::Month => (Scope::Fleet, Period::Month),
    };
    let budget = Budget {
        scope,
        period,
        tokens: settings.tokens,
        calls: settings.calls,
        cost_micros: settings.usd.map(micros),
    };
    (settings.actor.clone(), budget)
}

/// The account of one run: a job, or the rounds of a carousel together.
pub(crate) struct Account<'a> {
    pub book: &'a Book,
    pub job: JobAttempt,
    /// The run's name, which stays when it is resumed.
    pub run: String,
    pub actor: &'a str,
    /// What stands in front of the names of steps.
    pub step_prefix: &'a str,
    /// The calls that are under way.
    pub open: Mutex<HashMap<Ticket, Call>>,
}

impl Account<'_> {
    fn reservation(&self, planned: &PlannedCall<'_>) -> Reservation {
        let call = Call {
            job: Some(self.job),
            run: self.run.clone(),
            actor: self.actor.to_owned(),
            narrative: planned.narrative.to_owned(),
            act: planned.act.to_owned(),
            step: format!("{}{}", self.step_prefix, planned.step),
            provider: planned.provider.to_owned(),
            key_name: String::new(),
            model: planned.model.unwrap_or("default").to_owned(),
            prompt_hash: planned.prompt_hash.to_owned(),
        };
        let usage = planned.expected_usage();
        let of_fleet = self.book.budgets.iter();
        let of_fleet = of_fleet.filter(|(_, actor, _)| actor.as_deref().is_none_or(|actor| actor == self.actor));
        let of_narrative = [(Scope::Act, planned.of_act), (Scope::Run, planned.of_run)];
        let budgets = of_fleet.map(|(.., budget)| *budget).chain(
            of_narrative
                .into_iter()
                .filter_map(|(scope, spend)| budget_of_spend(scope, spend)),
        );
        let share = |part: f64| Multiplier::try_from(part).unwrap_or(Multiplier::WHOLE);
        Reservation {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cost_micros: self.book.cost(&call, None, &usage),
            budgets: budgets.collect(),
            limits: self.book.limits.get(planned.provider).cloned().into_iter().collect(),
            shares: Multipliers {
                requests_per_minute: share(planned.budget.requests_per_minute),
                tokens_per_minute: share(planned.budget.tokens_per_minute),
                requests_per_day: share(planned.budget.requests_per_day),
            },
            ..Reservation::new(call, planned.timeout + MARGIN)
        }
    }

    /// What becomes of calls with answers, to be recorded by the transaction that keeps the answers.
    pub(crate) fn settlements(&self, receipts: &[Receipt]) -> Vec<Settlement> {
        let open = self.open();
        let settlement = |receipt: &Receipt| Settlement {
            call: CallId(receipt.ticket.0),
            usage: usage_of(receipt.usage),
            cost_micros: open
                .get(&receipt.ticket)
                .map_or(0, |asked| self.book.cost(asked, Some(&receipt.model), &receipt.usage)),
            request_id: receipt.request_id.clone(),
        };
        receipts.iter().map(settlement).collect()
    }

    /// Takes note of what providers say is left of their limits: of nothing, nothing is asked for until it is there again.
    pub(crate) async fn heed(&self, receipts: &[Receipt]) {
        for receipt in receipts {
            let Some(call) = self.take(receipt.ticket) else {
                continue;
            };
            let Some(left) = receipt.remaining else { continue };
            let rests = [(left.requests, left.requests_reset), (left.tokens, left.tokens_reset)];
            let rest = rests
                .into_iter()
                .filter(|(left, _)| *left == Some(0))
                .filter_map(|(_, reset)| reset)
                .max();
            if let Some(rest) = rest {
                self.leave_alone(&call, rest).await;
            }
        }
    }

    /// Leaves a provider alone for a while. That it could not be noted costs a refused call at the most.
    async fn leave_alone(&self, call: &Call, rest: Duration) {
        if let Err(error) = throttle_for(&self.book.pool, call, RateScope::Model, rest).await {
            tracing::warn!(llm.provider = call.provider, %error, "Could not note that a provider wants to be left alone");
        }
    }

    fn take(&self, ticket: Ticket) -> Option<Call> {
        self.open().remove(&ticket)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Ticket, Call>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for Account<'_> {
    fn reserve<'a>(&'a self, planned: &'a PlannedCall<'a>) -> PortFuture<'a, Reserved> {
        Box::pin(async move {
            let reservation = self.reservation(planned);
            let call = reservation.call.clone();
            let counts_money = reservation.budgets.iter().any(|budget| budget.cost_micros.is_some());
            if counts_money && self.book.prices.of(&call.provider, &call.model).is_none() {
                return Ok(Reserved::Exhausted {
                    after: None,
                    why: format!("a budget counts dollars, and {}", no_price(&call.provider, &call.model)),
                });
            }
            let reserved = self.book.ledger.reserve(reservation).await.map_err(PortError::new)?;
            Ok(match reserved {
                botticelli_ledger::Reserved::Granted(granted) => {
                    for alert in &granted.alerts {
                        let (budget, limit) = ((alert.scope, alert.period), (alert.measure, alert.limit));
                        let place = self.book.place(self.actor, budget, limit);
                        tracing::warn!(actor.name = self.actor, "{place}{alert}");
                    }
                    let ticket = Ticket(granted.call.0);
                    self.open().insert(ticket, call);
                    Reserved::Granted(ticket)
                }
                botticelli_ledger::Reserved::Wait(wait) => Reserved::Wait {
                    after: wait.delay,
                    why: wait.to_string(),
                },
                botticelli_ledger::Reserved::Refused(refusal) => {
                    let (budget, limit) = ((refusal.scope, refusal.period), (refusal.measure, refusal.limit));
                    Reserved::Exhausted {
                        after: refusal.opens_in,
                        why: format!("{}{refusal}", self.book.place(self.actor, budget, limit)),
                    }
                }
            })
        })
    }

    fn fail<'a>(&'a self, ticket: Ticket, error: &'a LlmError) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let call = self.take(ticket);
            let charge = match (error.usage, &call) {
                (Some(usage), Some(call)) => Charge::Used {
                    usage: usage_of(usage),
                    cost_micros: self.book.cost(call, error.model.as_deref(), &usage),
                },
                (None, _) if !error.is_paid() => Charge::Nothing,
                _ => Charge::Unknown,
            };
            fail(&self.book.pool, CallId(ticket.0), error.class.as_str(), charge, None)
                .await
                .map_err(PortError::new)?;
            if let (Some(call), Some(rest)) = (call, rest_after(error)) {
                self.leave_alone(&call, rest).await;
            }
            Ok(())
        })
    }
}

/// How long a provider is left alone that failed with `error`; `None` when it need not be.
pub(crate) fn rest_after(error: &LlmError) -> Option<Duration> {
    match error.class {
        ErrorClass::RateLimited => Some(error.retry_after.unwrap_or(USUAL_REST)),
        ErrorClass::QuotaExhausted | ErrorClass::Overloaded => error.retry_after,
        _ => None,
    }
}

/// A budget of a narrative's `spend`; `None` where it sets no limit.
fn budget_of_spend(scope: Scope, spend: Spend) -> Option<Budget> {
    let Spend {
        tokens,
        calls,
        micro_usd,
    } = spend;
    (spend != Spend::default()).then_some(Budget {
        scope,
        period: Period::None,
        tokens,
        calls,
        cost_micros: micro_usd,
    })
}

fn usage_of(usage: Usage) -> botticelli_ledger::Usage {
    botticelli_ledger::Usage {
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        cached_input_tokens: usage.cached_input_tokens,
        cache_write_tokens: usage.cache_write_tokens,
        reasoning_tokens: usage.reasoning_tokens,
        is_estimated: usage.is_estimated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_limits_the_stricter_holds_and_one_that_is_not_set_does_not() {
        let limits = |requests: Option<u32>, concurrency: Option<u32>| LimitSettings {
            requests_per_minute: requests,
            concurrency,
            ..LimitSettings::default()
        };
        let gemini = RateLimits {
            day_zone: day_zone_of(ProviderWire::Gemini).map(str::to_owned),
            ..limits_of(limits(Some(10), None))
        };
        let both = stricter(&gemini, &limits_of(limits(Some(5), Some(2))));
        assert_eq!(both.requests_per_minute, NonZeroU32::new(5));
        assert_eq!(both.concurrency, NonZeroU32::new(2));
        assert_eq!(both.tokens_per_minute, None);
        assert_eq!(both.day_zone.as_deref(), Some("America/Los_Angeles"));
    }
}
