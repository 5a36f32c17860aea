//! Nothing is lost and nothing is done twice, whatever happens to workers, server and network.
//!
//! Worker processes work jobs off while they are killed, frozen beyond their lease and cut off, and while the server is
//! restarted without a goodbye. Everybody writes down what they did; in the end the checker compares that with the database.
//!
//! One test lets chance decide whom a blow hits; another strikes at every step of a worker, one after the other; and a third
//! breaks the rules of the database, to see that it would be found out.
//!
//! `BOTTICELLI_CHAOS_JOBS` sets the number of jobs and with it how long this takes; `BOTTICELLI_CHAOS_SEED` the order of the
//! blows. The order is all that a seed repeats: which statement a blow hits is up to the machine.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test has nobody to hand an error to, and this one is its own harness"
)]

mod blows;
mod cancelling;
mod enqueuing;
mod matrix;
mod siege;
mod worker;

use std::{env, process::ExitCode, time::Duration};

use tokio::runtime::{Builder, Runtime};

/// The names by which the tests are listed.
const SIEGE: &str = "no_job_is_lost_or_settled_twice_while_workers_server_and_network_are_hurt";
const MATRIX: &str = "a_worker_killed_or_frozen_at_any_step_leaves_its_job_to_end_once_and_by_the_rules";
const BROKEN_RULES: &str = "a_database_that_breaks_its_rules_is_found_out";
/// The queue that everybody works on.
const QUEUE: &str = "chaos";
/// Short, so that a frozen worker is given up while the test lasts.
const LEASE: Duration = Duration::from_secs(2);
/// How long anybody waits for an answer of the server.
const PATIENCE: Duration = Duration::from_secs(2);

/// Jobs in an ordinary run.
const JOBS: u64 = 1_500;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} must be a whole number, not {text}")),
    )
}

fn main() -> ExitCode {
    if let (Ok(url), Ok(log)) = (env::var(worker::URL), env::var(worker::LOG)) {
        // One thread, so that a worker that freezes itself does nothing any more.
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(worker::work(&url, log.as_ref()));
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let is_given = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let runtime = Runtime::new().unwrap();
    let mut code = ExitCode::SUCCESS;
    for name in [SIEGE, MATRIX, BROKEN_RULES] {
        if is_given("--ignored") {
            continue;
        }
        // What follows `--format` looks like a filter and is none; who lists wants all.
        if is_given("--list") {
            println!("{name}: test");
            continue;
        }
        if !is_wanted(name) {
            continue;
        }
        println!("{name}");
        let outcome = runtime.block_on(async {
            match name {
                SIEGE => lay_siege().await,
                MATRIX => matrix::strike_everywhere().await,
                _ => matrix::break_rules().await,
            }
        });
        match outcome {
            Ok(summary) => println!("{summary}"),
            Err(breaches) => {
                println!("{} breaches", breaches.len());
                for breach in breaches.iter().take(50) {
                    println!("  {breach}");
                }
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

async fn lay_siege() -> Result<String, Vec<String>> {
    let jobs = number("BOTTICELLI_CHAOS_JOBS");
    let seed = number("BOTTICELLI_CHAOS_SEED").unwrap_or_else(|| jobs.map_or(1, |_| u64::from(std::process::id())));
    let jobs = jobs.unwrap_or(JOBS);
    println!("{jobs} jobs, BOTTICELLI_CHAOS_SEED={seed}");
    siege::lay(jobs, seed).await.map(|summary| summary.to_string())
}
