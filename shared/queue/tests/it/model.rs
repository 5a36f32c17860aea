//! The queue against a model of it: random sequences of what clients, workers and time do, and after every step the whole
//! observable state must be the one that a few maps in memory arrive at.
//!
//! `BOTTICELLI_MODEL_CASES` sets how many sequences are tried, each with a seed of its own; `BOTTICELLI_MODEL_SEED` starts
//! them from the seed that a failure printed. Without either it is the same few on every run.

mod driver;
mod operation;
mod state;

use std::env;

use proptest::{
    collection::vec,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use tokio::runtime::Runtime;

use self::{
    driver::{CLAIMED, Driver, ENDED, HELD, REFUSED, RESCUED},
    operation::operation,
};

/// Sequences in an ordinary run.
const CASES: u32 = 24;
/// Steps of a sequence at most, and half of that on average.
const STEPS: usize = 100;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} must be a whole number, not {text}")),
    )
}

#[test]
fn whatever_clients_workers_and_time_do_the_queue_is_in_the_state_that_the_model_is_in() {
    let cases = number("BOTTICELLI_MODEL_CASES");
    let seed = number("BOTTICELLI_MODEL_SEED").unwrap_or_else(|| match cases {
        Some(_) => u64::from_ne_bytes(*uuid::Uuid::new_v4().as_bytes().first_chunk().unwrap()),
        None => 1,
    });
    let config = Config {
        cases: cases.map_or(CASES, |cases| u32::try_from(cases).unwrap_or(u32::MAX)),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let runtime = Runtime::new().unwrap();
    let driver = runtime.block_on(Driver::new());
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let outcome = runner.run(&vec(operation(), 1..=STEPS), |operations| {
        runtime.block_on(driver.run(&operations)).map_err(TestCaseError::fail)
    });
    let tally = [CLAIMED, ENDED, REFUSED, RESCUED, HELD].map(|what| (what, driver.tally(what)));
    runtime.block_on(async move { drop(driver) });
    match outcome {
        // Sequences in which nothing happens prove nothing.
        Ok(()) => assert!(
            runner.config().cases < CASES || tally.iter().all(|(_, number)| *number > 0),
            "{tally:?}"
        ),
        Err(TestError::Fail(difference, operations)) => {
            let steps: Vec<String> = operations.iter().map(|operation| format!("  {operation:?}")).collect();
            panic!(
                "BOTTICELLI_MODEL_SEED={seed} BOTTICELLI_MODEL_CASES={} leads, by its shortest sequence\n{}\nto: {difference}",
                runner.config().cases,
                steps.join("\n")
            );
        }
        Err(TestError::Abort(reason)) => panic!("the sequences were not tried to the end: {reason}"),
    }
}
