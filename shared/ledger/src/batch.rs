//! Several reservations as one question to the database.

use std::{cmp::Reverse, collections::BTreeMap};

use chrono::{DateTime, Utc};

use crate::{Budget, Call, Period, RateLimits, RateScope, Reservation, Scope};

/// The zone of calendars that nobody names.
const UTC: &str = "UTC";

/// Which budget: in the order of these fields all reservations lock.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct BudgetKey {
    scope: Scope,
    key: String,
    step: String,
    period: Period,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct BudgetLimits {
    zone: String,
    tokens: Option<i64>,
    calls: Option<i64>,
    cost_micros: Option<i64>,
}

/// Which bucket: in the order of these fields all reservations lock. An empty name stands for any and comes last, because more calls
/// want what it stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct BucketKey {
    narrative: Reverse<String>,
    model: Reverse<String>,
    key_name: Reverse<String>,
    provider: String,
}

/// A [`RateLimits`] as it is stored, with the least of each limit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct BucketLimits {
    requests_per_minute: Option<i64>,
    tokens_per_minute: Option<i64>,
    requests_per_day: Option<i64>,
    day_zone: Option<String>,
    concurrency: Option<i64>,
}

/// A meter of a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum MeterKey {
    Budget(BudgetKey),
    Bucket(BucketKey),
}

/// Reservations that can be decided together: none gives a meter another limit than the others do.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    at: Option<DateTime<Utc>>,
    budgets: BTreeMap<BudgetKey, BudgetLimits>,
    buckets: BTreeMap<BucketKey, BucketLimits>,
    calls: Vec<Vec<MeterKey>>,
}

/// A batch as columns, meters numbered from 1, budgets first.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(crate) at: Option<DateTime<Utc>>,
    pub(crate) counted_by: Vec<i32>,
    pub(crate) counted_ends: Vec<i32>,
    pub(crate) budgets: BudgetColumns,
    pub(crate) buckets: BucketColumns,
}

#[derive(Debug, Default)]
pub(crate) struct BudgetColumns {
    pub(crate) scopes: Vec<&'static str>,
    pub(crate) keys: Vec<String>,
    pub(crate) steps: Vec<String>,
    pub(crate) periods: Vec<&'static str>,
    pub(crate) zones: Vec<String>,
    pub(crate) tokens: Vec<Option<i64>>,
    pub(crate) calls: Vec<Option<i64>>,
    pub(crate) cost_micros: Vec<Option<i64>>,
}

#[derive(Debug, Default)]
pub(crate) struct BucketColumns {
    pub(crate) providers: Vec<String>,
    pub(crate) key_names: Vec<String>,
    pub(crate) models: Vec<String>,
    pub(crate) narratives: Vec<String>,
    pub(crate) requests_per_minute: Vec<Option<i64>>,
    pub(crate) tokens_per_minute: Vec<Option<i64>>,
    pub(crate) requests_per_day: Vec<Option<i64>>,
    pub(crate) day_zones: Vec<Option<String>>,
    pub(crate) concurrency: Vec<Option<i64>>,
}

impl Batch {
    /// Takes a reservation in, unless it has to be decided apart from those that are in.
    pub(crate) fn try_add(&mut self, reservation: &Reservation) -> bool {
        let (budgets, buckets) = (budgets_of(reservation), buckets_of(reservation));
        let fits = (self.calls.is_empty() || self.at == reservation.at)
            && budgets
                .iter()
                .all(|(key, limits)| self.budgets.get(key).is_none_or(|known| known == limits))
            && buckets
                .iter()
                .all(|(key, limits)| self.buckets.get(key).is_none_or(|known| known == limits));
        if fits {
            self.at = reservation.at;
            let meters = budgets.keys().cloned().map(MeterKey::Budget);
            self.calls
                .push(meters.chain(buckets.keys().cloned().map(MeterKey::Bucket)).collect());
            self.budgets.extend(budgets);
            self.buckets.extend(buckets);
        }
        fits
    }

    pub(crate) fn into_columns(self) -> Columns {
        let budget_keys = self.budgets.keys().cloned().map(MeterKey::Budget);
        let keys = budget_keys.chain(self.buckets.keys().cloned().map(MeterKey::Bucket));
        let numbers: BTreeMap<MeterKey, i32> = keys.zip(1..).collect();
        let mut columns = Columns {
            at: self.at,
            ..Columns::default()
        };
        let mut end = 0;
        for meters in self.calls {
            for meter in meters {
                columns.counted_by.extend(numbers.get(&meter).copied());
                end += 1;
            }
            columns.counted_ends.push(end);
        }
        for (key, limits) in self.budgets {
            columns.budgets.push(key, limits);
        }
        for (key, limits) in self.buckets {
            columns.buckets.push(key, limits);
        }
        columns
    }
}

impl BudgetColumns {
    fn push(&mut self, key: BudgetKey, limits: BudgetLimits) {
        self.scopes.push(key.scope.as_str());
        self.keys.push(key.key);
        self.steps.push(key.step);
        self.periods.push(key.period.as_str());
        self.zones.push(limits.zone);
        self.tokens.push(limits.tokens);
        self.calls.push(limits.calls);
        self.cost_micros.push(limits.cost_micros);
    }
}

impl BucketColumns {
    fn push(&mut self, key: BucketKey, limits: BucketLimits) {
        self.providers.push(key.provider);
        self.key_names.push(key.key_name.0);
        self.models.push(key.model.0);
        self.narratives.push(key.narrative.0);
        self.requests_per_minute.push(limits.requests_per_minute);
        self.tokens_per_minute.push(limits.tokens_per_minute);
        self.requests_per_day.push(limits.requests_per_day);
        self.day_zones.push(limits.day_zone);
        self.concurrency.push(limits.concurrency);
    }
}

fn budgets_of(reservation: &Reservation) -> BTreeMap<BudgetKey, BudgetLimits> {
    let zone = reservation.zone.as_deref().unwrap_or(UTC);
    let mut budgets = BTreeMap::<BudgetKey, BudgetLimits>::new();
    for budget in reservation.budgets.iter() {
        let limits = budgets
            .entry(budget_key(budget, &reservation.call))
            .or_insert(BudgetLimits {
                zone: zone.to_owned(),
                tokens: None,
                calls: None,
                cost_micros: None,
            });
        limits.tokens = least(limits.tokens, budget.tokens);
        limits.calls = least(limits.calls, budget.calls);
        limits.cost_micros = least(limits.cost_micros, budget.cost_micros);
    }
    budgets
}

fn budget_key(budget: &Budget, call: &Call) -> BudgetKey {
    BudgetKey {
        scope: budget.scope,
        key: match budget.scope {
            Scope::Act | Scope::Run => call.run.clone(),
            Scope::Actor => call.actor.clone(),
            Scope::Fleet => String::new(),
        },
        step: match budget.scope {
            Scope::Act => call.step.clone(),
            Scope::Run | Scope::Actor | Scope::Fleet => String::new(),
        },
        period: budget.period,
    }
}

fn buckets_of(reservation: &Reservation) -> BTreeMap<BucketKey, BucketLimits> {
    let mut buckets = BTreeMap::<BucketKey, BucketLimits>::new();
    for limits in reservation.limits.iter().filter(|limits| limits.limits_anything()) {
        limit(&mut buckets, bucket_key(limits.scope, "", &reservation.call), limits);
        if let Some(share) = limits.share(reservation.shares) {
            let key = bucket_key(limits.scope, &reservation.call.narrative, &reservation.call);
            limit(&mut buckets, key, &share);
        }
    }
    buckets
}

fn bucket_key(scope: RateScope, narrative: &str, call: &Call) -> BucketKey {
    let (key_name, model) = scope.names(call);
    BucketKey {
        narrative: Reverse(narrative.to_owned()),
        model: Reverse(model.to_owned()),
        key_name: Reverse(key_name.to_owned()),
        provider: call.provider.clone(),
    }
}

fn limit(buckets: &mut BTreeMap<BucketKey, BucketLimits>, key: BucketKey, limits: &RateLimits) {
    let known = buckets.entry(key).or_insert(BucketLimits {
        requests_per_minute: None,
        tokens_per_minute: None,
        requests_per_day: None,
        day_zone: None,
        concurrency: None,
    });
    let per_minute = limits.requests_per_minute.map(|limit| u64::from(limit.get()));
    known.requests_per_minute = least(known.requests_per_minute, per_minute);
    known.tokens_per_minute = least(known.tokens_per_minute, limits.tokens_per_minute.map(Into::into));
    if let Some(per_day) = limits.requests_per_day {
        known.requests_per_day = least(known.requests_per_day, Some(per_day.get()));
        let zone = || limits.day_zone.clone().unwrap_or_else(|| UTC.to_owned());
        known.day_zone.get_or_insert_with(zone);
    }
    known.concurrency = least(
        known.concurrency,
        limits.concurrency.map(|limit| u64::from(limit.get())),
    );
}

/// The lesser of two limits. One that no total comes to is none, in effect.
fn least(known: Option<i64>, other: Option<u64>) -> Option<i64> {
    let other = other.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
    known.into_iter().chain(other).min()
}
