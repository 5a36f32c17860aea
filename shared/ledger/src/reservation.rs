//! What is asked before a call, and what is answered.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};

use crate::{Alert, Budget, Call, CallId, LedgerError, Multipliers, RateLimits, Refusal, Wait, usage::MOST};

/// A call that is about to be made, and what it has to respect.
#[derive(Debug, Clone)]
pub struct Reservation {
    /// The call.
    pub call: Call,
    /// Tokens of input that it will have at most.
    pub input_tokens: u64,
    /// Tokens of output that it may have at most.
    pub output_tokens: u64,
    /// What those cost, in millionths of a dollar.
    pub cost_micros: u64,
    /// How long it may be under way: its timeout and a margin. After that it is lost.
    pub hold: Duration,
    /// Its budgets. Of several of one scope and period the least of each limit counts.
    pub budgets: Arc<[Budget]>,
    /// The time zone of their days and months, by its IANA name; UTC when it is `None`. The same for a scope in the whole fleet, or its
    /// days are not the same days.
    pub zone: Option<Arc<str>>,
    /// Its rate limits. Of several of one scope the least of each counts.
    pub limits: Arc<[RateLimits]>,
    /// What part of them its narrative may use.
    pub shares: Multipliers,
    /// The time; the database's clock, unless it is given.
    pub at: Option<DateTime<Utc>>,
}

impl Reservation {
    /// One without budgets and limits, and without cost.
    pub fn new(call: Call, hold: Duration) -> Self {
        Self {
            call,
            input_tokens: 0,
            output_tokens: 0,
            cost_micros: 0,
            hold,
            budgets: Arc::new([]),
            zone: None,
            limits: Arc::new([]),
            shares: Multipliers::default(),
            at: None,
        }
    }

    /// Refuses what the database could not store, or what no call can be.
    pub(crate) fn check(&self) -> Result<(), LedgerError> {
        let call = &self.call;
        for (what, name) in [
            ("run", &call.run),
            ("actor", &call.actor),
            ("narrative", &call.narrative),
            ("act", &call.act),
            ("step", &call.step),
            ("provider", &call.provider),
            ("key's name", &call.key_name),
            ("model", &call.model),
            ("prompt's hash", &call.prompt_hash),
        ] {
            if name.contains('\0') {
                return Err(LedgerError::Invalid(format!(
                    "the {what} of a call has a zero byte in it; leave it out"
                )));
            }
        }
        for (what, amount) in [
            ("tokens of input", self.input_tokens),
            ("tokens of output", self.output_tokens),
            ("micro-dollars", self.cost_micros),
        ] {
            if amount > MOST {
                return Err(LedgerError::Invalid(format!(
                    "a call of `{}` cannot have {amount} {what}; the most is {MOST}",
                    call.model
                )));
            }
        }
        if self.hold > Duration::from_hours(24 * 366) {
            return Err(LedgerError::Invalid(format!(
                "a call of `{}` cannot be under way for {} s; the most is a year",
                call.model,
                self.hold.as_secs()
            )));
        }
        Ok(())
    }
}

/// What becomes of a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// The call may be sent.
    Granted(Granted),
    /// Not now. Nothing was reserved.
    Wait(Wait),
    /// A budget has not enough left. Nothing was reserved.
    Refused(Refusal),
}

/// A call that may be sent, on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The call, to be ended by its sender.
    pub call: CallId,
    /// When it is lost unless it has ended, by the database's clock.
    pub expires_at: DateTime<Utc>,
    /// Budgets that came to four fifths of a limit with it, or with one that was reserved at the same time.
    pub alerts: Vec<Alert>,
}
