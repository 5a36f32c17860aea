//! The ledger's promises, each against a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test has nobody to hand an error to")]

mod alerting;
mod budgeting;
mod contending;
mod durability;
mod ending;
mod limiting;
mod looking;
mod losing;
mod model;
mod plans;
mod pruning;
mod refusing;
mod throttling;

use std::{sync::Arc, time::Duration};

use botticelli_ledger::{
    Budget, Call, CallId, Granted, JobAttempt, Period, RateLimits, Refusal, Reservation, Reserved, Scope, Usage, Wait,
    reserve,
};
use botticelli_testkit::TestDatabase;
use chrono::{DateTime, Utc};

/// A call of actor `painter` in its run `run-1`.
fn call() -> Call {
    Call {
        job: None,
        run: "run-1".to_owned(),
        actor: "painter".to_owned(),
        narrative: "spring".to_owned(),
        act: "sketch".to_owned(),
        step: "1/sketch".to_owned(),
        provider: "openai".to_owned(),
        key_name: "main".to_owned(),
        model: "gpt".to_owned(),
        prompt_hash: "5eed".to_owned(),
    }
}

/// The same for an attempt of a job.
fn call_of(job: i64, attempt: i32) -> Call {
    Call {
        job: Some(JobAttempt { job, attempt }),
        run: format!("job-{job}"),
        ..call()
    }
}

/// A call of 100 tokens for 1,000 micro-dollars, held for a minute.
fn reservation(budgets: &[Budget], limits: &[RateLimits]) -> Reservation {
    Reservation {
        input_tokens: 60,
        output_tokens: 40,
        cost_micros: 1000,
        budgets: Arc::from(budgets),
        limits: Arc::from(limits),
        ..Reservation::new(call(), Duration::from_mins(1))
    }
}

/// So many calls.
fn calls(scope: Scope, period: Period, most: u64) -> Budget {
    Budget {
        scope,
        period,
        tokens: None,
        calls: Some(most),
        cost_micros: None,
    }
}

/// So many tokens.
fn tokens(scope: Scope, period: Period, most: u64) -> Budget {
    Budget {
        scope,
        period,
        tokens: Some(most),
        calls: None,
        cost_micros: None,
    }
}

/// What a call has used.
fn used(input_tokens: u64, output_tokens: u64) -> Usage {
    Usage {
        input_tokens,
        output_tokens,
        ..Usage::default()
    }
}

/// A time of Friday, 2026-11-27; with a day in front, of that one.
fn at(time: &str) -> DateTime<Utc> {
    let text = match time.split_once(' ') {
        Some((day, time)) => format!("{day}T{time}Z"),
        None => format!("2026-11-27T{time}Z"),
    };
    text.parse().unwrap()
}

/// A database, and its calls.
struct Desk {
    database: TestDatabase,
}

impl Desk {
    async fn new() -> Self {
        Self {
            database: botticelli_testkit::database().await,
        }
    }

    async fn reserve(&self, reservation: &Reservation) -> Reserved {
        reserve(&self.database.pool, reservation).await.unwrap()
    }

    /// One that is let pass.
    async fn granted(&self, reservation: &Reservation) -> CallId {
        self.grant(reservation).await.call
    }

    async fn grant(&self, reservation: &Reservation) -> Granted {
        match self.reserve(reservation).await {
            Reserved::Granted(granted) => granted,
            other => panic!("not granted: {other:?}"),
        }
    }

    async fn refused(&self, reservation: &Reservation) -> Refusal {
        match self.reserve(reservation).await {
            Reserved::Refused(refusal) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    async fn waits(&self, reservation: &Reservation) -> Wait {
        match self.reserve(reservation).await {
            Reserved::Wait(wait) => wait,
            other => panic!("does not wait: {other:?}"),
        }
    }

    async fn settle(&self, call: CallId, usage: Usage, cost_micros: u64) {
        let mut connection = self.database.pool.acquire().await.unwrap();
        let before = botticelli_ledger::settle(&mut connection, call, &usage, cost_micros, None)
            .await
            .unwrap();
        assert!(before.can_end());
    }

    /// Of each budget what is used and what is reserved: tokens, calls, micro-dollars.
    async fn standing(&self, scope: &str) -> String {
        self.database
            .row(&format!(
                "select used_tokens, used_calls, used_cost_micros, reserved_tokens, reserved_calls, reserved_cost_micros
                 from botticelli.budget_status where scope = '{scope}'"
            ))
            .await
    }
}
