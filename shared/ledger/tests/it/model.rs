//! The ledger against a model of it: random sequences of what callers and time do, and after every step each answer, the state of every
//! call and every sum must be those that a list of calls in memory arrives at.

mod state;

use std::{env, num::NonZeroU32, num::NonZeroU64, sync::Arc, time::Duration};

use botticelli_ledger::{
    Budget, Call, CallId, Charge, JobAttempt, Multiplier, Multipliers, Period, RateLimits, Reservation, Reserved,
    Scope, Usage, fail, fold_corrections, lose_calls_before, lose_expired_calls, release, reserve_all, settle,
};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};
use tokio::runtime::Runtime;

use self::state::{Asked, Ledger, Outcome, State};
use crate::{Desk, at};

/// Sequences in an ordinary run; `BOTTICELLI_MODEL_CASES` sets another number.
const CASES: u32 = 24;
/// Steps of a sequence at most.
const STEPS: usize = 60;

pub(crate) const RUN_TOKENS: i64 = 1500;
pub(crate) const ACTOR_CALLS_A_DAY: i64 = 9;
pub(crate) const FLEET_COST_A_DAY: i64 = 20_000;
pub(crate) const REQUESTS_A_MINUTE: usize = 5;
pub(crate) const SHARE_OF_REQUESTS: usize = 2;
pub(crate) const TOKENS_A_MINUTE: i64 = 900;
pub(crate) const REQUESTS_A_DAY: usize = 14;
pub(crate) const AT_ONCE: usize = 3;
pub(crate) const HOLD: i64 = 20;

#[derive(Debug, Clone)]
enum Step {
    Reserve(Vec<Asked>),
    Settle { which: usize, tokens: i64, cost: i64 },
    Fail { which: usize, charge: u8 },
    Release { which: usize },
    Wait { seconds: i64 },
    LoseExpired,
    LoseBefore { run: u8, attempt: u8 },
    Fold,
}

fn asked() -> impl Strategy<Value = Asked> {
    (0..3_u8, 0..3_u8, 1..4_u8, 1..400_i64, 0..4000_i64).prop_map(|(actor, run, attempt, tokens, cost)| Asked {
        actor,
        run,
        attempt,
        tokens,
        cost,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..100_usize;
    prop_oneof![
        6 => vec(asked(), 1..4).prop_map(Step::Reserve),
        4 => (which.clone(), 0..800_i64, 0..6000_i64).prop_map(|(which, tokens, cost)| Step::Settle { which, tokens, cost }),
        2 => (which.clone(), 0..3_u8).prop_map(|(which, charge)| Step::Fail { which, charge }),
        1 => which.prop_map(|which| Step::Release { which }),
        4 => prop_oneof![0..5_i64, 5..70_i64, 70..40_000_i64].prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::LoseExpired),
        1 => (0..3_u8, 1..5_u8).prop_map(|(run, attempt)| Step::LoseBefore { run, attempt }),
        1 => Just(Step::Fold),
    ]
}

fn reservation(asked: &Asked, model: &Ledger) -> Reservation {
    let budget = |scope, period| Budget {
        scope,
        period,
        tokens: None,
        calls: None,
        cost_micros: None,
    };
    let limits = RateLimits {
        requests_per_minute: NonZeroU32::new(u32::try_from(REQUESTS_A_MINUTE).unwrap()),
        tokens_per_minute: NonZeroU64::new(TOKENS_A_MINUTE.cast_unsigned()),
        requests_per_day: NonZeroU64::new(REQUESTS_A_DAY as u64),
        concurrency: NonZeroU32::new(u32::try_from(AT_ONCE).unwrap()),
        ..RateLimits::default()
    };
    let half = Multipliers {
        requests_per_minute: Multiplier::try_from(0.5).unwrap(),
        ..Multipliers::default()
    };
    let call = Call {
        job: Some(JobAttempt {
            job: i64::from(asked.run),
            attempt: i32::from(asked.attempt),
        }),
        run: format!("run-{}", asked.run),
        actor: format!("actor-{}", asked.actor),
        narrative: format!("narrative-{}", asked.actor),
        provider: "openai".to_owned(),
        model: "gpt".to_owned(),
        ..Call::default()
    };
    Reservation {
        input_tokens: asked.tokens.cast_unsigned(),
        cost_micros: asked.cost.cast_unsigned(),
        budgets: Arc::new([
            Budget {
                tokens: Some(RUN_TOKENS.cast_unsigned()),
                ..budget(Scope::Run, Period::None)
            },
            Budget {
                calls: Some(ACTOR_CALLS_A_DAY.cast_unsigned()),
                ..budget(Scope::Actor, Period::Day)
            },
            Budget {
                cost_micros: Some(FLEET_COST_A_DAY.cast_unsigned()),
                ..budget(Scope::Fleet, Period::Day)
            },
        ]),
        limits: Arc::new([limits]),
        shares: if asked.actor == 1 { half } else { Multipliers::default() },
        at: Some(at("00:00:00") + chrono::TimeDelta::seconds(model.now)),
        ..Reservation::new(call, Duration::from_secs(HOLD.cast_unsigned()))
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: found {found:?}, expected {expected:?}"))
    }
}

/// A number of a step that stands for one of the calls there are.
fn pick(model: &Ledger, which: usize) -> Option<usize> {
    (!model.calls.is_empty()).then(|| which % model.calls.len())
}

async fn take(desk: &Desk, model: &mut Ledger, step: &Step) -> Result<(), String> {
    let pool = &desk.database.pool;
    let id = |model: &Ledger, place: usize| CallId(model.calls[place].id);
    match step {
        Step::Reserve(asked) => {
            let reservations: Vec<_> = asked.iter().map(|asked| reservation(asked, model)).collect();
            let answers = reserve_all(pool, &reservations).await;
            model.sweep();
            for (asked, answer) in asked.iter().zip(answers) {
                let (found, id) = match answer.map_err(|error| error.to_string())? {
                    Reserved::Granted(granted) => (Outcome::Granted, granted.call.0),
                    Reserved::Wait(_) => (Outcome::Wait, 0),
                    Reserved::Refused(_) => (Outcome::Refused, 0),
                };
                same("answer", &found, &model.reserve(asked, id))?;
            }
            model.end_of_batch();
        }
        Step::Settle { which, tokens, cost } => {
            let Some(place) = pick(model, *which) else {
                return Ok(());
            };
            let usage = Usage {
                output_tokens: tokens.cast_unsigned(),
                ..Usage::default()
            };
            let mut connection = pool.acquire().await.unwrap();
            let before = settle(&mut connection, id(model, place), &usage, cost.cast_unsigned(), None)
                .await
                .unwrap();
            same(
                "before",
                &before.as_str(),
                &model.end(place, State::Settled, Some((*tokens, *cost))),
            )?;
        }
        Step::Fail { which, charge } => {
            let Some(place) = pick(model, *which) else {
                return Ok(());
            };
            let (charge, known) = match charge {
                0 => (Charge::Nothing, Some((0, 0))),
                1 => (Charge::Unknown, None),
                _ => {
                    let usage = Usage {
                        input_tokens: 3,
                        ..Usage::default()
                    };
                    (Charge::Used { usage, cost_micros: 30 }, Some((3, 30)))
                }
            };
            let before = fail(pool, id(model, place), "timeout", charge, None).await.unwrap();
            same("before", &before.as_str(), &model.end(place, State::Failed, known))?;
        }
        Step::Release { which } => {
            let Some(place) = pick(model, *which) else {
                return Ok(());
            };
            let before = release(pool, id(model, place)).await.unwrap();
            same(
                "before",
                &before.as_str(),
                &model.end(place, State::Released, Some((0, 0))),
            )?;
        }
        Step::Wait { seconds } => model.now += seconds,
        Step::LoseExpired => {
            let now = at("00:00:00") + chrono::TimeDelta::seconds(model.now);
            let lost = lose_expired_calls(pool, Some(now)).await.unwrap();
            same("lost", &lost, &(model.lose(|call, now| call.expires_at <= now) as u64))?;
        }
        Step::LoseBefore { run, attempt } => {
            let of = JobAttempt {
                job: i64::from(*run),
                attempt: i32::from(*attempt),
            };
            let lost = lose_calls_before(pool, of).await.unwrap();
            model.lose(|call, _| call.asked.run == *run && call.asked.attempt < *attempt);
            same("lost", &lost.len(), &model.lost_before(*run, *attempt))?;
        }
        Step::Fold => {
            let now = at("00:00:00") + chrono::TimeDelta::seconds(model.now);
            fold_corrections(pool, Some(now)).await.unwrap();
            model.folded();
        }
    }
    compare(desk, model).await
}

async fn compare(desk: &Desk, model: &Ledger) -> Result<(), String> {
    let calls = "select id, state, coalesce(input_tokens + output_tokens, 0), coalesce(cost_micros, 0) from botticelli.model_calls order by id";
    same("calls", &desk.database.rows(calls).await, &model.shown_calls())?;
    let budgets = "select scope, key, coalesce(nullif(starts_at, '-infinity')::date - '2026-11-27', 0), used_tokens, used_calls,
                          used_cost_micros, reserved_tokens, reserved_calls, reserved_cost_micros
                   from botticelli.budget_status where used_calls + reserved_calls + used_cost_micros <> 0 order by 1, 2, 3";
    same("budgets", &desk.database.rows(budgets).await, &model.shown_budgets())?;
    let alerts = "select scope, key, coalesce(nullif(starts_at, '-infinity')::date - '2026-11-27', 0)
                  from botticelli.budget_alerts a join botticelli.budget_usage b on b.id = a.budget order by 1, 2, 3";
    same("alerts", &desk.database.rows(alerts).await, &model.shown_alerts())
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} must be a whole number, not {text}")),
    )
}

#[test]
fn whatever_callers_and_time_do_answers_calls_and_sums_are_those_of_the_model() {
    let cases = number("BOTTICELLI_MODEL_CASES").map_or(CASES, |cases| u32::try_from(cases).unwrap_or(u32::MAX));
    let seed = number("BOTTICELLI_MODEL_SEED").unwrap_or(1);
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 500,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let runtime = Runtime::new().unwrap();
    let desk = runtime.block_on(Desk::new());
    let tally = std::cell::Cell::new([0_u32; 4]);
    let outcome = runner.run(&vec(step(), 1..=STEPS), |steps| {
        runtime
            .block_on(async {
                desk.database
                    .execute(
                        "truncate botticelli.open_calls, botticelli.ended_calls, botticelli.budget_usage, botticelli.budget_alerts,
                         botticelli.rate_buckets, botticelli.meter_corrections",
                    )
                    .await;
                let mut model = Ledger::default();
                for step in &steps {
                    take(&desk, &mut model, step).await.map_err(|difference| format!("at {step:?}: {difference}"))?;
                }
                let [granted, waits, refused, lost] = tally.get();
                let found = model.tally();
                tally.set([granted + found[0], waits + found[1], refused + found[2], lost + found[3]]);
                Ok::<_, String>(())
            })
            .map_err(TestCaseError::fail)
    });
    runtime.block_on(async move { drop(desk) });
    if let Err(error) = outcome {
        panic!("BOTTICELLI_MODEL_SEED={seed} BOTTICELLI_MODEL_CASES={cases}: {error}");
    }
    // Sequences in which nothing happens prove nothing.
    assert!(
        cases < CASES || tally.get().iter().all(|number| *number > 0),
        "{:?}",
        tally.get()
    );
}
