//! What one run may use up that is no job's.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use botticelli_llm::{LlmError, Prices, Usage};
use botticelli_narrative::{
    ActRecord, Checkpoints, Ledger, PlannedCall, PortError, PortFuture, Receipt, Reserved, Spend, Ticket,
};
use botticelli_workers::no_price;

use super::dry::usd;

/// Keeps to the `spend` of a narrative and its acts, in memory and in front of another ledger. Budgets of the settings are the
/// fleet's, and are not touched.
pub(super) struct Purse<'a> {
    behind: &'a dyn Ledger,
    prices: Prices,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    /// By act, with its narrative; the whole run under none.
    sums: HashMap<Option<(String, String)>, Sum>,
    open: HashMap<Ticket, Open>,
    last: i64,
}

#[derive(Default, Clone, Copy)]
struct Sum {
    tokens: u64,
    calls: u64,
    micro_usd: u64,
}

/// A call under way.
struct Open {
    /// What it is called behind.
    behind: Ticket,
    act: (String, String),
    provider: String,
    model: String,
    held: Sum,
}

impl<'a> Purse<'a> {
    pub(super) fn before(behind: &'a dyn Ledger, prices: Prices) -> Self {
        Self {
            behind,
            prices,
            used: Mutex::default(),
        }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sum(&self, provider: &str, model: &str, usage: &Usage) -> Sum {
        let price = self.prices.of(provider, model).unwrap_or_default();
        Sum {
            tokens: usage.input_tokens.saturating_add(usage.output_tokens),
            calls: 1,
            micro_usd: price.cost_micros(usage),
        }
    }

    /// Ends a call with what it used; `None` when nobody knows, which is taken to be what was held.
    fn end(&self, ticket: Ticket, usage: Option<&Usage>) -> Option<Ticket> {
        let mut used = self.used();
        let open = used.open.remove(&ticket)?;
        let sum = usage.map_or(open.held, |usage| self.sum(&open.provider, &open.model, usage));
        for key in [None, Some(open.act)] {
            let all = used.sums.entry(key).or_default();
            all.tokens = (all.tokens + sum.tokens).saturating_sub(open.held.tokens);
            all.micro_usd = (all.micro_usd + sum.micro_usd).saturating_sub(open.held.micro_usd);
        }
        Some(open.behind)
    }
}

/// Which limit is in the way of a call that may use `more`.
fn in_the_way(whose: &str, limit: Spend, used: Sum, more: Sum) -> Option<String> {
    type Show = fn(u64) -> String;
    let smaller = "raise it, or give the act a smaller `max_tokens`";
    let checks: [(Show, _, _, _, _); 3] = [
        (
            |calls| format!("{calls} calls"),
            limit.calls,
            used.calls,
            more.calls,
            "raise it, or let the model be asked less often",
        ),
        (
            |tokens| format!("{tokens} tokens"),
            limit.tokens,
            used.tokens,
            more.tokens,
            smaller,
        ),
        (usd, limit.micro_usd, used.micro_usd, more.micro_usd, smaller),
    ];
    checks.into_iter().find_map(|(show, limit, used, more, way_out)| {
        let limit = limit.filter(|limit| used.saturating_add(more) > *limit)?;
        let (limit, used, more) = (show(limit), show(used), show(more));
        Some(format!(
            "the `spend` of {whose} is {limit}, of which {used} are used or held, and the call may need {more}; {way_out}"
        ))
    })
}

impl Ledger for Purse<'_> {
    fn reserve<'a>(&'a self, call: &'a PlannedCall<'a>) -> PortFuture<'a, Reserved> {
        Box::pin(async move {
            let model = call.model.unwrap_or_default();
            let refused = |why| Ok(Reserved::Exhausted { why, after: None });
            let counts_money = call.of_act.micro_usd.or(call.of_run.micro_usd).is_some();
            if counts_money && self.prices.of(call.provider, model).is_none() {
                return refused(format!(
                    "`spend` counts dollars, and {}",
                    no_price(call.provider, model)
                ));
            }
            let held = self.sum(call.provider, model, &call.expected_usage());
            let act = (call.narrative.to_owned(), call.act.to_owned());
            {
                let used = self.used();
                let of = |key: &Option<(String, String)>| used.sums.get(key).copied().unwrap_or_default();
                let whose = format!("act `{}`", call.act);
                let wrong = in_the_way("the run", call.of_run, of(&None), held)
                    .or_else(|| in_the_way(&whose, call.of_act, of(&Some(act.clone())), held));
                if let Some(why) = wrong {
                    return refused(why);
                }
            }
            let behind = match self.behind.reserve(call).await? {
                Reserved::Granted(ticket) => ticket,
                other => return Ok(other),
            };
            let mut used = self.used();
            for key in [None, Some(act.clone())] {
                let sum = used.sums.entry(key).or_default();
                sum.tokens += held.tokens;
                sum.calls += held.calls;
                sum.micro_usd += held.micro_usd;
            }
            used.last += 1;
            let ticket = Ticket(used.last);
            let open = Open {
                behind,
                act,
                provider: call.provider.to_owned(),
                model: model.to_owned(),
                held,
            };
            used.open.insert(ticket, open);
            Ok(Reserved::Granted(ticket))
        })
    }

    fn fail<'a>(&'a self, ticket: Ticket, error: &'a LlmError) -> PortFuture<'a, ()> {
        let nothing = Usage::default();
        let usage = match error.usage {
            None if !error.is_paid() => Some(nothing),
            usage => usage,
        };
        match self.end(ticket, usage.as_ref()) {
            Some(behind) => self.behind.fail(behind, error),
            None => Box::pin(async { Ok::<_, PortError>(()) }),
        }
    }
}

/// Nothing is kept of a run but what it used.
impl Checkpoints for Purse<'_> {
    fn load<'a>(&'a self, _: &'a str) -> PortFuture<'a, Option<ActRecord>> {
        Box::pin(async { Ok(None) })
    }

    fn save<'a>(&'a self, _: &'a str, _: &'a ActRecord, receipts: &'a [Receipt]) -> PortFuture<'a, ()> {
        for receipt in receipts {
            self.end(receipt.ticket, Some(&receipt.usage));
        }
        Box::pin(async { Ok(()) })
    }
}
