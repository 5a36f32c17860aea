//! Every call of a language model on record, what it may cost, and how fast calls may be made, shared by the whole fleet.
//!
//! A call is [reserved](Ledger::reserve) before it is sent: all its [budgets](Budget) and [rate limits](RateLimits) let it pass and
//! hold the most that it may use, or none of them does and the answer says until when to wait. It is [settled](settle()) with what it
//! has really used, in the transaction that makes use of the answer. One that nobody ends is lost in time: it counts as used in full
//! until somebody knows better, for it may have been paid.

mod batch;
mod budget;
mod call;
mod end;
mod failure;
mod kept_name;
mod ledger;
mod look;
mod lost;
mod prune;
mod rate;
mod reservation;
mod reserve;
mod throttle;
mod usage;

pub use budget::{Alert, Budget, Measure, Period, Refusal, Scope};
pub use call::{Call, CallId, CallState, JobAttempt};
pub use end::{Charge, Settlement, fail, release, settle, settle_all};
pub use failure::LedgerError;
pub use ledger::Ledger;
pub use look::{
    BudgetStanding, CallRecord, Dimension, UsageLine, budget_standings, calls_of_job, open_calls, settled_call,
    usage_by,
};
pub use lost::{lose_calls_before, lose_expired_calls};
pub use prune::{fold_corrections, prune_calls};
pub use rate::{Multiplier, MultiplierError, Multipliers, RateLimits, RateScope, Wait, WaitReason};
pub use reservation::{Granted, Reservation, Reserved};
pub use reserve::{reserve, reserve_all};
pub use throttle::{end_throttle, throttle, throttle_for};
pub use usage::Usage;
