//! Nothing is lost and nothing is done twice, whatever happens to workers, server and network.
//!
//! Worker processes work jobs off while they are killed, frozen beyond their lease and cut off, and while the server is
//! restarted without a goodbye. Everybody writes down what they did; in the end the checker compares that with the database.
//!
//! `BOTTICELLI_CHAOS_JOBS` sets the number of jobs and with it how long this takes; `BOTTICELLI_CHAOS_SEED` the order of the
//! blows. The order is all that a seed repeats: which statement a blow hits is up to the machine.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test has nobody to hand an error to, and this one is its own harness"
)]

mod blows;
mod enqueuing;
mod siege;
mod worker;

use std::{env, process::ExitCode, time::Duration};

use tokio::runtime::Runtime;

/// What the test is called where tests are listed.
const NAME: &str = "no_job_is_lost_or_settled_twice_while_workers_server_and_network_are_hurt";
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
    let runtime = Runtime::new().unwrap();
    if let (Ok(url), Ok(log)) = (env::var(worker::URL), env::var(worker::LOG)) {
        runtime.block_on(worker::work(&url, log.as_ref()));
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let is_given = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if is_given("--list") {
        if !is_given("--ignored") {
            println!("{NAME}: test");
        }
        return ExitCode::SUCCESS;
    }
    let mut filters = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .peekable();
    if is_given("--ignored") || (filters.peek().is_some() && !filters.any(|filter| NAME.contains(filter.as_str()))) {
        return ExitCode::SUCCESS;
    }
    let jobs = number("BOTTICELLI_CHAOS_JOBS");
    let seed = number("BOTTICELLI_CHAOS_SEED").unwrap_or_else(|| jobs.map_or(1, |_| u64::from(std::process::id())));
    let jobs = jobs.unwrap_or(JOBS);
    println!("{NAME}: {jobs} jobs, BOTTICELLI_CHAOS_SEED={seed}");
    match runtime.block_on(siege::lay(jobs, seed)) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(breaches) => {
            println!("{} breaches", breaches.len());
            for breach in breaches.iter().take(50) {
                println!("  {breach}");
            }
            ExitCode::FAILURE
        }
    }
}
